#include "tests/keeper/wire.h"

#include "lib/base/clock.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

void wire_open(struct wire *wire, int fd, const struct ipc_set *set)
{
    *wire = (struct wire){.fd = fd, .set = set};
    ps_buf_init(&wire->in, 64u * 1024u * 1024u);
}

void wire_close(struct wire *wire)
{
    if (wire->fd >= 0) {
        (void)close(wire->fd);
    }
    wire->fd = -1;
    ps_buf_clear(&wire->in);
}

void wire_send_octets(struct wire *wire, struct ps_bytes octets)
{
    while (octets.len != 0) {
        const ssize_t sent = send(wire->fd, octets.data, octets.len, MSG_NOSIGNAL);

        if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
            struct pollfd wait = {.fd = wire->fd, .events = POLLOUT};

            assert_int_equal(poll(&wait, 1, WIRE_LIMIT_MS), 1);
            continue;
        }
        if (sent < 0) {
            return; /* the other side is gone; reading will say so */
        }
        octets = ps_bytes_from(octets, (size_t)sent);
    }
}

uint64_t wire_send(struct wire *wire, const struct ipc_message *info, const void *message)
{
    const uint64_t id = info->way == IPC_REQUEST ? ++wire->next_id : 0;
    PS_BUF_AUTO frame;

    ps_buf_init(&frame, IPC_FRAME_MAX);
    assert_ok(ipc_frame_put(info, id, message, &frame));
    wire_send_octets(wire, ps_buf_bytes(&frame));
    return id;
}

void wire_send_fd(struct wire *wire, const struct ipc_message *info, const void *message, int fd)
{
    union {
        char octets[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec part;
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.octets,
                            .msg_controllen = sizeof control.octets};
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&header);
    PS_BUF_AUTO frame;

    ps_buf_init(&frame, IPC_FRAME_MAX);
    assert_ok(ipc_frame_put(info, 0, message, &frame));
    part = (struct iovec){.iov_base = frame.data, .iov_len = frame.len};
    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type = SCM_RIGHTS;
    cmsg->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(cmsg), &fd, sizeof fd);
    if (sendmsg(wire->fd, &header, MSG_NOSIGNAL) < 0) {
        assert_true(errno == EPIPE || errno == ECONNRESET); /* it is gone, as above */
    }
}

/* True when a whole frame is there. */
static bool take_frame(struct wire *wire, struct wire_frame *ret_frame)
{
    struct ipc_frame frame;
    size_t len;

    ps_buf_consume(&wire->in, wire->used);
    wire->used = 0;
    assert_ok(ipc_frame_parse(wire->set, IPC_CLIENT, ps_buf_bytes(&wire->in), &frame, &len));
    if (len == 0) {
        return false;
    }
    wire->used = len;
    ret_frame->info = frame.info;
    ret_frame->id = frame.id;
    assert_ok(ipc_decode(frame.info, frame.payload, ret_frame->message));
    return true;
}

bool wire_read(struct wire *wire, int limit_ms, struct wire_frame *ret_frame)
{
    const uint64_t deadline = ps_clock_mono_ns() + (uint64_t)limit_ms * PS_NS_PER_MS;

    ret_frame->info = NULL;
    while (!take_frame(wire, ret_frame)) {
        const uint64_t now = ps_clock_mono_ns();
        struct pollfd wait = {.fd = wire->fd, .events = POLLIN};
        uint8_t *to;
        ssize_t got;

        if (now > deadline || poll(&wait, 1, (int)((deadline - now) / PS_NS_PER_MS) + 1) <= 0) {
            return false;
        }
        to = ps_buf_reserve(&wire->in, 65536);
        assert_non_null(to);
        got = recv(wire->fd, to, 65536, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
            return false;
        }
        if (got > 0) {
            ps_buf_commit(&wire->in, (size_t)got);
        }
    }
    return true;
}

bool wire_has_come(const struct wire *wire)
{
    struct pollfd look = {.fd = wire->fd, .events = POLLIN};

    return wire->fd >= 0 && (wire->in.len > wire->used || poll(&look, 1, 0) == 1);
}

void wire_call(struct wire *wire, const struct ipc_message *info, const void *message,
               struct wire_frame *ret_answer)
{
    const uint64_t id = wire_send(wire, info, message);

    do {
        if (!wire_read(wire, WIRE_LIMIT_MS, ret_answer)) {
            print_error("no answer to %s\n", info->name);
            fail();
        }
    } while (ret_answer->id != id);
}

bool wire_is_closed(struct wire *wire, int limit_ms)
{
    const uint64_t deadline = ps_clock_mono_ns() + (uint64_t)limit_ms * PS_NS_PER_MS;
    struct wire_frame frame;

    while (ps_clock_mono_ns() < deadline) {
        uint8_t octet;

        if (wire_read(wire, 10, &frame)) {
            continue;
        }
        if (recv(wire->fd, &octet, 1, MSG_DONTWAIT | MSG_PEEK) == 0) {
            return true;
        }
    }
    return false;
}
