#ifndef TESTS_UNIT_HTTP_CLIENT_H
#define TESTS_UNIT_HTTP_CLIENT_H

#include "tests/unit/support.h"

#include "lib/base/clock.h"
#include "lib/base/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/*
 * A client that sends octets as they are, in the thread of the server's loop: it turns the loop
 * while it waits, so that nothing depends on time but the deadlines under test.
 */
#define CLIENT_WAIT_NS (60 * PS_NS_PER_S)

struct client {
    struct ps_loop *loop; /* turned while waiting; NULL: the server is another process */
    int fd;
    bool ended; /* the server closed */
    struct ps_buf in;
};

struct response {
    unsigned status;
    char head[2048];
    struct ps_bytes body; /* in the client's buffer; valid until the next call */
    size_t len;           /* of the whole response */
};

static inline PS_UNUSED int listen_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_true(strlen(path) < sizeof address.sun_path);
    memcpy(address.sun_path, path, strlen(path));
    (void)unlink(path);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 512), 0);
    return fd;
}

static inline PS_UNUSED void client_open(struct client *client, struct ps_loop *loop,
                                         const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    client->loop = loop;
    client->ended = false;
    client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(client->fd >= 0);
    assert_true(strlen(path) < sizeof address.sun_path);
    memcpy(address.sun_path, path, strlen(path));
    assert_int_equal(connect(client->fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(fcntl(client->fd, F_SETFL, O_NONBLOCK), 0);
    ps_buf_init(&client->in, 16 * 1024 * 1024);
}

static inline PS_UNUSED void client_close(struct client *client)
{
    (void)close(client->fd);
    ps_buf_clear(&client->in);
}

/* One turn of the server, and what has arrived. */
static inline PS_UNUSED void client_turn(struct client *client)
{
    uint8_t *to;
    ssize_t got;

    if (client->loop != NULL) {
        assert_ok(ps_loop_turn(client->loop, 1));
    } else {
        struct pollfd wait = {.fd = client->fd, .events = POLLIN};

        (void)poll(&wait, 1, 1);
    }
    if (client->ended) {
        return;
    }
    to = ps_buf_reserve(&client->in, 65536);
    assert_non_null(to);
    got = recv(client->fd, to, 65536, MSG_DONTWAIT);
    if (got > 0) {
        ps_buf_commit(&client->in, (size_t)got);
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        client->ended = true;
    }
}

static inline PS_UNUSED void client_send(struct client *client, struct ps_bytes octets)
{
    const uint64_t deadline = ps_clock_mono_ns() + CLIENT_WAIT_NS;

    while (octets.len != 0) {
        const ssize_t sent = send(client->fd, octets.data, octets.len, MSG_NOSIGNAL | MSG_DONTWAIT);

        assert_true(ps_clock_mono_ns() < deadline);
        if (sent > 0) {
            octets = ps_bytes_from(octets, (size_t)sent);
        } else if (sent < 0 && errno != EAGAIN) {
            return; /* the server does not want more; its answer says why */
        }
        client_turn(client);
    }
}

static inline PS_UNUSED void client_send_str(struct client *client, const char *text)
{
    client_send(client, ps_bytes_str(text));
}

static inline PS_UNUSED bool parse_response(struct client *client, bool has_body,
                                            struct response *ret_response)
{
    const char *data = (const char *)client->in.data;
    const char *end = client->in.len == 0 ? NULL : memmem(data, client->in.len, "\r\n\r\n", 4);
    const char *length;
    size_t head_len;
    size_t body_len = 0;

    if (end == NULL) {
        return false;
    }
    head_len = (size_t)(end - data) + 4;
    assert_true(head_len < sizeof ret_response->head);
    memcpy(ret_response->head, data, head_len);
    ret_response->head[head_len] = '\0';
    assert_memory_equal(data, "HTTP/1.1 ", 9);
    ret_response->status = (unsigned)strtoul(data + 9, NULL, 10);
    length = strstr(ret_response->head, "Content-Length: ");
    if (has_body && length != NULL) {
        body_len = strtoul(length + 16, NULL, 10);
    }
    if (client->in.len < head_len + body_len) {
        return false;
    }
    ret_response->body = ps_bytes(client->in.data + head_len, body_len);
    ret_response->len = head_len + body_len;
    return true;
}

/* Waits for a response; drop it with client_drop before the next. */
static inline PS_UNUSED void client_wait(struct client *client, struct response *ret_response)
{
    const uint64_t deadline = ps_clock_mono_ns() + CLIENT_WAIT_NS;

    while (!parse_response(client, true, ret_response)) {
        if (client->ended || ps_clock_mono_ns() > deadline) {
            print_error("got only %.*s\n", PS_BYTES_FMT(ps_buf_bytes(&client->in)));
            fail_msg("no response");
        }
        client_turn(client);
    }
}

static inline PS_UNUSED void client_drop(struct client *client, const struct response *response)
{
    ps_buf_consume(&client->in, response->len);
}

/* Waits until the server has closed; what came before is in client->in. */
static inline PS_UNUSED void client_wait_end(struct client *client)
{
    const uint64_t deadline = ps_clock_mono_ns() + CLIENT_WAIT_NS;

    while (!client->ended) {
        assert_true(ps_clock_mono_ns() < deadline);
        client_turn(client);
    }
}

/* Sends a request and yields the status of its answer, which is dropped. */
static inline PS_UNUSED unsigned client_status(struct client *client, const char *request)
{
    struct response response;

    client_send_str(client, request);
    client_wait(client, &response);
    client_drop(client, &response);
    return response.status;
}

#endif
