#include "tests/bench/chain.h"
#include "tests/bench/module.h"

#include "lib/base/reader.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_MAX   65536u
#define BUFFER_MAX (1024u * 1024u)
#define HEADER_LEN 8u

void peer_init(struct peer *peer, int fd)
{
    peer->fd = fd;
    peer->taken = 0;
    ps_buf_init(&peer->in, BUFFER_MAX);
    ps_buf_init(&peer->out, BUFFER_MAX);
}

void peer_read(struct peer *peer, bool may_wait)
{
    uint8_t *to = ps_buf_reserve(&peer->in, READ_MAX);
    ssize_t got;

    must(to != NULL, "making room for frames");
    do {
        got = recv(peer->fd, to, READ_MAX, may_wait ? 0 : MSG_DONTWAIT);
    } while (got < 0 && errno == EINTR);
    if (got == 0) {
        _exit(0);
    }
    must(got > 0 || errno == EAGAIN, "reading frames");
    ps_buf_commit(&peer->in, got > 0 ? (size_t)got : 0);
}

bool peer_next(struct peer *peer, struct frame *ret_frame)
{
    struct ps_reader reader = ps_reader(ps_bytes_from(ps_buf_bytes(&peer->in), peer->taken));
    const uint32_t id = ps_reader_u32(&reader);
    const struct ps_bytes octets = ps_reader_take(&reader, ps_reader_u32(&reader));

    if (reader.failed) {
        ps_buf_consume(&peer->in, peer->taken);
        peer->taken = 0;
        return false;
    }
    must(id < CHAIN_CLIENTS_MAX, "knowing a frame's client");
    peer->taken += HEADER_LEN + octets.len;
    *ret_frame = (struct frame){id, octets};
    return true;
}

void peer_put(struct peer *peer, uint32_t id, struct ps_bytes octets)
{
    ps_buf_put_u32(&peer->out, id);
    ps_buf_put_u32(&peer->out, (uint32_t)octets.len);
    ps_buf_put(&peer->out, octets);
}

void peer_write(struct peer *peer)
{
    struct ps_bytes left = ps_buf_bytes(&peer->out);

    must(ps_buf_status(&peer->out) == PS_OK, "collecting frames");
    while (left.len != 0) {
        const ssize_t sent = send(peer->fd, left.data, left.len, MSG_NOSIGNAL);

        must(sent > 0 || errno == EINTR, "writing frames");
        left = ps_bytes_from(left, sent > 0 ? (size_t)sent : 0);
    }
    ps_buf_reset(&peer->out);
}

void chain_watch(int epoll_fd, int fd, uint32_t number)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = number};

    must(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
}

unsigned chain_wait(int epoll_fd, struct epoll_event *events, unsigned max)
{
    const int count = epoll_wait(epoll_fd, events, (int)max, -1);

    must(count >= 0 || errno == EINTR, "epoll_wait");
    return count < 0 ? 0 : (unsigned)count;
}
