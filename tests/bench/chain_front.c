#include "tests/bench/chain.h"
#include "tests/bench/module.h"

#include "lib/base/encode.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_MAX  8192u
#define EVENTS    64u
#define LISTENER  CHAIN_CLIENTS_MAX
#define KEEPER    (CHAIN_CLIENTS_MAX + 1)
#define NO_CLIENT (-1)

struct client {
    int fd;
    bool waits;                  /* for its answer, even when it has gone */
    struct ps_buf in;            /* one request at a time */
    struct ps_bytes signed_text; /* payload in it, base64url */
};

struct front {
    int epoll_fd;
    int listen_fd;
    const struct chain_answer *answer;
    struct peer keeper;
    struct ps_buf payload;
    struct ps_buf out;
    struct client clients[CHAIN_CLIENTS_MAX];
};

static void take_client(struct front *front)
{
    const int fd = accept4(front->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    must(fd >= 0, "accept");
    for (uint32_t i = 0; i < CHAIN_CLIENTS_MAX; i++) {
        struct client *client = &front->clients[i];

        if (client->fd == NO_CLIENT && !client->waits) {
            client->fd = fd;
            ps_buf_reset(&client->in);
            chain_watch(front->epoll_fd, fd, i);
            return;
        }
    }
    fail("finding room for another client");
}

/* Octets of a whole request, 0 when more is to come. */
static size_t request_len(struct ps_bytes in, struct ps_bytes *ret_body)
{
    static const char field[] = "\r\nContent-Length: ";
    const uint8_t *end = memmem(in.data, in.len, "\r\n\r\n", 4);
    const uint8_t *length;
    size_t head_len;
    size_t body_len;

    if (end == NULL) {
        return 0;
    }
    head_len = (size_t)(end - in.data) + 4;
    length = memmem(in.data, head_len, field, strlen(field));
    must(length != NULL, "finding a request's length");
    body_len = strtoul((const char *)length + strlen(field), NULL, 10);
    *ret_body = ps_bytes(in.data + head_len, body_len);
    return in.len < head_len + body_len ? 0 : head_len + body_len;
}

static struct ps_bytes find_payload(struct ps_bytes body)
{
    static const char member[] = "\"payload\":\"";
    const uint8_t *found = memmem(body.data, body.len, member, strlen(member));
    const uint8_t *end = NULL;

    if (found != NULL) {
        found += strlen(member);
        end = memchr(found, '"', body.len - (size_t)(found - body.data));
    }
    must(end != NULL, "finding a request's payload");
    return ps_bytes(found, (size_t)(end - found));
}

static void take_request(struct front *front, uint32_t number)
{
    struct client *client = &front->clients[number];
    struct ps_bytes body;
    const size_t len = request_len(ps_buf_bytes(&client->in), &body);

    if (len == 0) {
        return;
    }
    must(len == client->in.len && !client->waits, "one request of a client");
    client->signed_text = find_payload(body);
    client->waits = true;
    ps_buf_reset(&front->payload);
    must(ps_base64url_decode(client->signed_text, &front->payload) == PS_OK, "reading a payload");
    peer_put(&front->keeper, number, ps_buf_bytes(&front->payload));
}

static void read_client(struct front *front, uint32_t number)
{
    struct client *client = &front->clients[number];
    uint8_t *to = ps_buf_reserve(&client->in, READ_MAX);
    ssize_t got;

    must(to != NULL, "room for a request");
    got = recv(client->fd, to, READ_MAX, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got <= 0) {
        /* Its number is another's when no answer is on its way. */
        (void)close(client->fd);
        client->fd = NO_CLIENT;
        return;
    }
    ps_buf_commit(&client->in, (size_t)got);
    take_request(front, number);
}

static void answer(struct front *front, const struct frame *frame)
{
    struct client *client = &front->clients[frame->id];
    struct ps_buf *out = &front->out;

    must(client->waits, "knowing who waits");
    client->waits = false;
    if (client->fd == NO_CLIENT) {
        return;
    }
    ps_buf_reset(out);
    ps_buf_put(out, ps_buf_bytes(&front->answer->before));
    ps_buf_put(out, ps_buf_bytes(&front->answer->header));
    ps_buf_put(out, client->signed_text);
    ps_buf_put_u8(out, '.');
    ps_buf_put_base64url(out, frame->octets);
    ps_buf_put(out, ps_buf_bytes(&front->answer->after));
    must(ps_buf_status(out) == PS_OK && out->len == front->answer->len, "an answer's length");
    ps_buf_reset(&client->in);
    /* There is room for one answer. Who has gone is noticed when read from. */
    (void)send(client->fd, out->data, out->len, MSG_NOSIGNAL);
}

static void take_answers(struct front *front)
{
    struct frame frame;

    peer_read(&front->keeper, false);
    while (peer_next(&front->keeper, &frame)) {
        answer(front, &frame);
    }
}

static void turn(struct front *front)
{
    struct epoll_event events[EVENTS];
    const unsigned count = chain_wait(front->epoll_fd, events, EVENTS);

    for (unsigned i = 0; i < count; i++) {
        const uint32_t number = events[i].data.u32;

        if (number == LISTENER) {
            take_client(front);
        } else if (number == KEEPER) {
            take_answers(front);
        } else if (front->clients[number].fd != NO_CLIENT) {
            read_client(front, number);
        }
    }
    peer_write(&front->keeper);
}

void chain_front_run(const struct chain_answer *answer_form, int listen_fd, int keeper_fd)
{
    struct front *front = calloc(1, sizeof *front);

    must(front != NULL, "memory for the front");
    front->answer = answer_form;
    front->listen_fd = listen_fd;
    front->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    peer_init(&front->keeper, keeper_fd);
    ps_buf_init(&front->payload, CHAIN_INPUT_MAX);
    ps_buf_init(&front->out, CHAIN_INPUT_MAX);
    for (unsigned i = 0; i < CHAIN_CLIENTS_MAX; i++) {
        front->clients[i].fd = NO_CLIENT;
        ps_buf_init(&front->clients[i].in, CHAIN_INPUT_MAX);
    }
    chain_watch(front->epoll_fd, listen_fd, LISTENER);
    chain_watch(front->epoll_fd, keeper_fd, KEEPER);
    for (;;) {
        turn(front);
    }
}
