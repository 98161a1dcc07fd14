#include "lib/ipc/channel.h"

#include "lib/base/clock.h"
#include "lib/base/reader.h"
#include "lib/ipc/frame.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE    (64u * 1024u)
#define FDS_WAITING  16
#define READS_A_TURN 4

/* What waits and at most half as much that has been written and not dropped yet. */
#define OUT_MAX (IPC_QUEUE_MAX + IPC_QUEUE_MAX / 2 + 2 * IPC_FRAME_MAX)

struct fd_queue {
    int fds[FDS_WAITING];
    size_t count;
};

struct channel {
    struct ps_loop *loop;
    int fd;
    const struct ipc_set *set;
    enum ipc_side side;
    const struct channel_handler *handler;
    void *context;
    struct ps_watch *watch;
    struct ps_defer *flush;
    struct ps_defer *resume; /* handles what had been read before a pause */
    struct ps_buf in;
    size_t in_used; /* octets of `in` that have been handled */
    struct ps_buf out;
    size_t out_written;
    size_t out_frames; /* since the last write */
    size_t burst;      /* frames */
    size_t unanswered; /* requests, of either side */
    struct fd_queue fds_in;
    bool paused;
    bool ended;
    bool waiting_for_room;
    bool handling; /* a callback of ours is running: what it was given must stay */
    bool freed;    /* by that callback */
    _Alignas(max_align_t) uint8_t message[IPC_STRUCT_MAX]; /* what it was given */
};

static void on_flush(void *context);
static void on_resume(void *context);
static void on_events(void *context, uint32_t events);

/* Frames hold PINs, plaintexts and what people signed. */
static enum ps_err prepare_buffers(struct channel *channel)
{
    channel->in = PS_BUF_SECRET(IPC_FRAME_MAX + 2 * READ_SIZE);
    channel->out = PS_BUF_SECRET(OUT_MAX);
    if (ps_buf_reserve(&channel->in, 2 * READ_SIZE) == NULL ||
        ps_buf_reserve(&channel->out, READ_SIZE) == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    return PS_OK;
}

static enum ps_err prepare_fd(int fd)
{
    const int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
        return ps_fail_errno(PS_E_INTERNAL, "fcntl on a channel");
    }
    return PS_OK;
}

enum ps_err channel_new(struct ps_loop *loop, int fd, const struct ipc_set *set, enum ipc_side side,
                        const struct channel_handler *handler, void *context,
                        struct channel **ret_channel)
{
    PS_CLEANUP(channel_free_cleanup) struct channel *channel = calloc(1, sizeof *channel);

    if (channel == NULL) {
        (void)close(fd);
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    channel->loop = loop;
    channel->fd = fd;
    channel->set = set;
    channel->side = side;
    channel->handler = handler;
    channel->context = context;
    channel->burst = IPC_BURST;
    PS_TRY(prepare_buffers(channel));
    PS_TRY(prepare_fd(fd));
    PS_TRY(ps_watch_new(loop, fd, EPOLLIN, on_events, channel, &channel->watch));
    PS_TRY(ps_defer_new(loop, on_flush, channel, &channel->flush));
    PS_TRY(ps_defer_new(loop, on_resume, channel, &channel->resume));
    *ret_channel = channel;
    channel = NULL;
    return PS_OK;
}

static void destroy(struct channel *channel)
{
    ps_buf_clear(&channel->in);
    ps_buf_clear(&channel->out);
    free(channel);
}

void channel_free(struct channel *channel)
{
    if (channel == NULL) {
        return;
    }
    for (size_t i = 0; i < channel->fds_in.count; i++) {
        (void)close(channel->fds_in.fds[i]);
    }
    ps_watch_free(channel->watch);
    ps_defer_free(channel->flush);
    ps_defer_free(channel->resume);
    (void)close(channel->fd);
    if (channel->handling) {
        channel->freed = true;
        return;
    }
    destroy(channel);
}

static void watch_what_matters(struct channel *channel)
{
    uint32_t events = channel->paused ? 0 : EPOLLIN;

    if (channel->out.len != channel->out_written) {
        events |= EPOLLOUT;
    }
    ps_watch_set(channel->watch, events);
}

static void end(struct channel *channel, enum ps_err why)
{
    if (channel->ended) {
        return;
    }
    channel->ended = true;
    ps_watch_free(channel->watch);
    channel->watch = NULL;
    channel->handler->on_end(channel->context, channel, why);
}

/* Writes until all is written or the socket is full. False when the peer is gone. */
static bool write_out(struct channel *channel)
{
    while (channel->out_written < channel->out.len) {
        const ssize_t sent =
            send(channel->fd, channel->out.data + channel->out_written,
                 channel->out.len - channel->out_written, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0) {
            return errno == EAGAIN;
        }
        channel->out_written += (size_t)sent;
    }
    ps_buf_reset(&channel->out);
    channel->out_written = 0;
    return true;
}

void channel_flush(struct channel *channel)
{
    channel->out_frames = 0;
    if (channel->ended || channel->out.len == 0) {
        return;
    }
    /* A peer that is gone is noticed by reading, after what it sent last. */
    if (!write_out(channel)) {
        ps_buf_reset(&channel->out);
        channel->out_written = 0;
    }
    watch_what_matters(channel);
    if (channel->out.len == 0 && channel->waiting_for_room) {
        /* Told later: this may be called from within a callback. */
        ps_defer_arm(channel->flush);
    }
}

static void on_flush(void *context)
{
    struct channel *channel = context;

    channel_flush(channel);
    if (channel->ended || channel->out.len != 0 || !channel->waiting_for_room) {
        return;
    }
    channel->waiting_for_room = false;
    if (channel->handler->on_room != NULL) {
        channel->handler->on_room(channel->context, channel);
    }
}

static enum ps_err check_sendable(const struct channel *channel, const struct ipc_message *info)
{
    const bool from_client = info->way == IPC_REQUEST || info->way == IPC_CLIENT_NOTICE;

    assert(from_client == (channel->side == IPC_CLIENT));
    if (channel->ended) {
        return ps_fail(PS_E_STATE, 0, "the %s channel has ended", channel->set->name);
    }
    return PS_OK;
}

/*
 * Frames wait for the end of the loop's turn, to be written in one call. But when all requests move
 * in one wave, who gets them has nothing to do until the last is there: a quarter goes ahead.
 */
static bool is_burst(const struct channel *channel)
{
    return channel->out_frames >= channel->burst && channel->out_frames >= channel->unanswered / 4;
}

void channel_set_burst(struct channel *channel, size_t frames)
{
    channel->burst = frames;
}

static void count_frame(struct channel *channel, enum ipc_way way, bool is_sent)
{
    if (way == IPC_REQUEST) {
        channel->unanswered++;
    } else if (way == IPC_ANSWER && channel->unanswered != 0) {
        channel->unanswered--;
    }
    channel->out_frames += is_sent ? 1 : 0;
}

enum ps_err channel_send(struct channel *channel, const struct ipc_message *info, uint64_t id,
                         const void *message)
{
    assert(!info->has_descriptor);
    PS_TRY(check_sendable(channel, info));
    if (channel->out.len - channel->out_written > IPC_QUEUE_MAX) {
        channel->waiting_for_room = true;
        return ps_fail(PS_E_BUSY, 0, "the peer on the %s channel does not read",
                       channel->set->name);
    }
    if (channel->out_written > IPC_QUEUE_MAX / 2) {
        ps_buf_consume(&channel->out, channel->out_written);
        channel->out_written = 0;
    }
    PS_TRY(ipc_frame_put(info, id, message, &channel->out));
    ps_defer_arm(channel->flush);
    count_frame(channel, info->way, true);
    if (is_burst(channel)) {
        channel_flush(channel);
    }
    return PS_OK;
}

/*
 * Waits for room: descriptors are rare, small messages between supervisor and roles. Yields how
 * much was sent; the descriptor goes with the first octet.
 */
static enum ps_err send_with_fd(int socket, struct ps_bytes frame, int fd, size_t *ret_sent)
{
    union {
        char octets[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)frame.data, .iov_len = frame.len};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.octets,
                            .msg_controllen = sizeof control.octets};
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&header);
    ssize_t sent;

    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type = SCM_RIGHTS;
    cmsg->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(cmsg), &fd, sizeof fd);
    do {
        struct pollfd wait = {.fd = socket, .events = POLLOUT};

        (void)poll(&wait, 1, 1000);
        sent = sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    if (sent <= 0) {
        return ps_fail_errno(PS_E_BUSY, "cannot send a descriptor");
    }
    *ret_sent = (size_t)sent;
    return PS_OK;
}

/* The rest of a frame whose beginning is on its way already. */
static enum ps_err queue_rest(struct channel *channel, struct ps_bytes rest)
{
    ps_buf_put(&channel->out, rest);
    ps_defer_arm(channel->flush);
    return ps_buf_status(&channel->out);
}

enum ps_err channel_send_fd(struct channel *channel, const struct ipc_message *info, uint64_t id,
                            const void *message, int fd)
{
    PS_BUF_AUTO frame = PS_BUF_SECRET(IPC_FRAME_MAX);
    enum ps_err err;
    size_t sent = 0;

    assert(info->has_descriptor);
    PS_TRY(check_sendable(channel, info));
    /* Order is kept: what was queued before goes first. */
    channel_flush(channel);
    if (channel->out.len != 0) {
        channel->waiting_for_room = true;
        return ps_fail(PS_E_BUSY, 0, "the peer on the %s channel does not read",
                       channel->set->name);
    }
    PS_TRY(ipc_frame_put(info, id, message, &frame));
    err = send_with_fd(channel->fd, ps_buf_bytes(&frame), fd, &sent);
    if (err != PS_OK || sent == frame.len) {
        return err;
    }
    return queue_rest(channel, ps_bytes_from(ps_buf_bytes(&frame), sent));
}

void channel_pause(struct channel *channel, bool paused)
{
    channel->paused = paused;
    if (channel->ended) {
        return;
    }
    watch_what_matters(channel);
    if (!paused && channel->in.len != 0) {
        ps_defer_arm(channel->resume);
    }
}

size_t channel_queued(const struct channel *channel)
{
    return channel->out.len - channel->out_written;
}

static void keep_fds(struct fd_queue *queue, struct msghdr *header)
{
    for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(header); cmsg != NULL;
         cmsg = CMSG_NXTHDR(header, cmsg)) {
        size_t count;

        if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof fd, sizeof fd);
            if (queue->count < FDS_WAITING) {
                queue->fds[queue->count++] = fd;
            } else {
                (void)close(fd);
            }
        }
    }
}

static ssize_t receive(int socket, void *to, size_t len, struct fd_queue *fds)
{
    union {
        char octets[CMSG_SPACE(sizeof(int) * FDS_WAITING)];
        struct cmsghdr align;
    } control;
    struct iovec part = {.iov_base = to, .iov_len = len};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.octets,
                            .msg_controllen = sizeof control.octets};
    ssize_t got;

    do {
        got = recvmsg(socket, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    } while (got < 0 && errno == EINTR);
    if (got >= 0) {
        keep_fds(fds, &header);
    }
    return got;
}

static enum ps_err take_fd(struct channel *channel, bool wanted, int *ret_fd)
{
    *ret_fd = -1;
    if (!wanted) {
        return PS_OK;
    }
    if (channel->fds_in.count == 0) {
        return ps_fail(PS_E_INPUT, 0, "a descriptor is missing");
    }
    *ret_fd = channel->fds_in.fds[0];
    channel->fds_in.count--;
    memmove(channel->fds_in.fds, channel->fds_in.fds + 1,
            channel->fds_in.count * sizeof channel->fds_in.fds[0]);
    return PS_OK;
}

static enum ps_err handle_frame(struct channel *channel, const struct ipc_frame *frame)
{
    int fd;

    PS_TRY(ipc_decode(frame->info, frame->payload, channel->message));
    PS_TRY(take_fd(channel, frame->has_descriptor, &fd));
    count_frame(channel, frame->info->way, false);
    return channel->handler->on_message(channel->context, channel, frame->info, frame->id,
                                        channel->message, fd);
}

static void drop_handled(struct channel *channel)
{
    ps_buf_consume(&channel->in, channel->in_used);
    channel->in_used = 0;
}

/* Handles the whole frames that are there. *ret_freed tells that a callback freed the channel. */
static enum ps_err handle_frames(struct channel *channel, bool *ret_freed)
{
    enum ps_err err = PS_OK;

    channel->handling = true;
    while (err == PS_OK && !channel->paused) {
        struct ipc_frame frame;
        size_t len;

        err = ipc_frame_parse(channel->set, channel->side,
                              ps_bytes_from(ps_buf_bytes(&channel->in), channel->in_used), &frame,
                              &len);
        if (err != PS_OK || len == 0) {
            break;
        }
        channel->in_used += len;
        err = handle_frame(channel, &frame);
        if (channel->freed) {
            destroy(channel);
            *ret_freed = true;
            return err;
        }
    }
    channel->handling = false;
    drop_handled(channel);
    if (err == PS_OK && channel->in.len == 0 && channel->fds_in.count != 0) {
        /* A descriptor arrives with the first octet of its frame. */
        return ps_fail(PS_E_INPUT, 0, "a descriptor that belongs to no message");
    }
    return err;
}

static void on_resume(void *context)
{
    struct channel *channel = context;
    bool freed = false;
    enum ps_err err;

    if (channel->ended || channel->paused) {
        return;
    }
    err = handle_frames(channel, &freed);
    if (!freed && err != PS_OK) {
        end(channel, err);
    }
}

enum read_result { READ_MORE, READ_DONE, READ_FREED };

static enum read_result read_once(struct channel *channel)
{
    uint8_t *to = ps_buf_reserve(&channel->in, READ_SIZE);
    bool freed = false;
    enum ps_err err;
    ssize_t got;

    if (to == NULL) {
        end(channel, ps_fail(PS_E_NO_MEMORY, 0, "no room to read"));
        return READ_FREED;
    }
    got = receive(channel->fd, to, READ_SIZE, &channel->fds_in);
    if (got < 0 && errno == EAGAIN) {
        return READ_DONE;
    }
    if (got <= 0) {
        end(channel, PS_OK);
        return READ_FREED;
    }
    ps_buf_commit(&channel->in, (size_t)got);
    err = handle_frames(channel, &freed);
    if (freed) {
        return READ_FREED;
    }
    if (err != PS_OK) {
        end(channel, err);
        return READ_FREED;
    }
    return (size_t)got < READ_SIZE ? READ_DONE : READ_MORE;
}

static void on_events(void *context, uint32_t events)
{
    struct channel *channel = context;

    if ((events & EPOLLOUT) != 0) {
        channel_flush(channel);
    }
    if (channel->paused && (events & (EPOLLHUP | EPOLLERR)) != 0) {
        end(channel, PS_OK);
        return;
    }
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0 || channel->paused) {
        return;
    }
    for (int i = 0; i < READS_A_TURN; i++) {
        if (read_once(channel) != READ_MORE || channel->paused) {
            return;
        }
    }
}

/* Waits until something can be read. Errors: PS_E_BUSY after the deadline. */
static enum ps_err wait_readable(int fd, uint64_t deadline)
{
    const uint64_t now = ps_clock_mono_ns();
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    const int left_ms = now >= deadline ? 0 : (int)((deadline - now) / PS_NS_PER_MS) + 1;
    const int ready = poll(&wait, 1, left_ms);

    if (ready == 0 || (ready < 0 && errno != EINTR)) {
        return ps_fail(PS_E_BUSY, 0, "no whole message before the deadline");
    }
    return PS_OK;
}

/* Reads up to `want` octets in all, never past the frame: the rest belongs to the channel. */
static enum ps_err receive_up_to(int fd, size_t want, const struct ipc_set *set,
                                 struct ps_buf *frame)
{
    uint8_t *to = ps_buf_reserve(frame, want - frame->len);
    ssize_t got;

    if (to == NULL) {
        return ps_buf_status(frame);
    }
    got = recv(fd, to, want - frame->len, MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) {
        return ps_fail(PS_E_STATE, 0, "the %s channel ended", set->name);
    }
    if (got > 0) {
        ps_buf_commit(frame, (size_t)got);
    }
    return PS_OK;
}

static size_t announced_len(const struct ps_buf *frame)
{
    struct ps_reader reader = ps_reader(ps_buf_bytes(frame));

    return frame->len < IPC_HEADER_LEN ? IPC_HEADER_LEN : ps_reader_u32(&reader);
}

enum ps_err channel_receive_one(int fd, const struct ipc_set *set, int timeout_ms,
                                struct ps_buf *frame, const struct ipc_message **ret_info,
                                void *ret_message)
{
    const uint64_t deadline = ps_clock_mono_ns() + (uint64_t)timeout_ms * PS_NS_PER_MS;
    struct ipc_frame found = {0};
    size_t len = 0;

    PS_TRY(ipc_frame_parse(set, IPC_SERVER, ps_buf_bytes(frame), &found, &len));
    while (len == 0) {
        PS_TRY(wait_readable(fd, deadline));
        PS_TRY(receive_up_to(fd, announced_len(frame), set, frame));
        PS_TRY(ipc_frame_parse(set, IPC_SERVER, ps_buf_bytes(frame), &found, &len));
    }
    if (found.has_descriptor) {
        return ps_fail(PS_E_INPUT, 0, "%s cannot be a first message", found.info->name);
    }
    PS_TRY(ipc_decode(found.info, found.payload, ret_message));
    *ret_info = found.info;
    return PS_OK;
}
