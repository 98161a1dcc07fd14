#ifndef TESTS_UNIT_TLS_SERVICE_H
#define TESTS_UNIT_TLS_SERVICE_H

#include "tests/unit/http_client.h"
#include "tests/unit/tls_material.h"

#include "lib/http/server.h"

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <signal.h>

/* A server with TLS in the test's thread; the client is OpenSSL. */
#define DAY         86400l
#define CONNECTIONS 100
#define PER_CALLER  20

static struct ps_loop *loop;
static struct http_server *server;
static uint16_t port;
static struct http_caller last_caller;
static unsigned requests;
static int strangers[2 * CONNECTIONS];
static size_t stranger_count;

static struct identity authority;
static struct identity other_authority; /* of the same name, another key */
static struct identity appliance;
static struct identity good;

static inline PS_UNUSED void on_head(void *context, struct http_request *request)
{
    (void)context;
    (void)request;
}

static inline PS_UNUSED void on_request(void *context, struct http_request *request)
{
    const struct http_answer answer = {.status = 200, .media = "text/plain"};

    (void)context;
    requests++;
    last_caller = *http_request_caller(request);
    ps_buf_put_str(http_request_out(request), "ok");
    http_answer(request, &answer);
}

static inline PS_UNUSED void on_answer(void *context, struct http_request *request, unsigned status)
{
    (void)context;
    (void)request;
    (void)status;
}

static inline PS_UNUSED void on_drained(void *context, struct http_server *ended)
{
    (void)context;
    (void)ended;
}

static const struct http_handler handler = {on_head, on_request, on_answer, on_drained, 0};

/* 127.0.0.`host` */
static inline PS_UNUSED struct sockaddr_in loopback(unsigned host, uint16_t at_port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons(at_port),
                                .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK - 1 + host)}};
}

static inline PS_UNUSED int listen_loopback(void)
{
    struct sockaddr_in address = loopback(1, 0);
    socklen_t len = sizeof address;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    port = ntohs(address.sin_port);
    return fd;
}

static inline PS_UNUSED struct http_tls *material(const struct identity *own,
                                                  const char *authorities)
{
    struct http_tls *tls = NULL;

    assert_ok(http_tls_new(ps_bytes_str(own->certificate_pem), ps_bytes_str(own->key_pem),
                           ps_bytes_str(authorities), &tls));
    return tls;
}

static inline PS_UNUSED void make_client(const char *names, struct identity *ret_identity)
{
    const struct identity_wish wish = {.name = "client",
                                       .issuer = &authority,
                                       .names = names,
                                       .purpose = "clientAuth",
                                       .begins_s = -60,
                                       .ends_s = DAY};

    make_identity(&wish, ret_identity);
}

static inline PS_UNUSED int begin(void **state)
{
    const struct http_limits limits = {20000, 20000, 20000, CONNECTIONS, PER_CALLER};
    const struct identity_wish ca = {
        .name = "authority", .is_authority = true, .begins_s = -60, .ends_s = DAY};
    const struct identity_wish own = {.name = "appliance",
                                      .issuer = &authority,
                                      .names = "IP:127.0.0.1",
                                      .purpose = "serverAuth",
                                      .begins_s = -60,
                                      .ends_s = DAY};
    struct http_listener listener = {.transport = HTTP_TRANSPORT_TLS};

    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
    make_identity(&ca, &authority);
    make_identity(&ca, &other_authority);
    make_identity(&own, &appliance);
    make_client("DNS:oidc.example,URI:https://a.example/x", &good);
    assert_ok(ps_loop_new(&loop));
    listener.fd = listen_loopback();
    listener.tls = material(&appliance, authority.certificate_pem);
    assert_ok(http_server_new(loop, &listener, &limits, &handler, NULL, &server));
    http_tls_free(listener.tls);
    requests = 0;
    return 0;
}

static inline PS_UNUSED int end(void **state)
{
    (void)state;
    http_server_free(server);
    ps_loop_free(loop);
    free_identity(&authority);
    free_identity(&other_authority);
    free_identity(&appliance);
    free_identity(&good);
    while (stranger_count != 0) {
        (void)close(strangers[--stranger_count]);
    }
    return 0;
}

struct tls_client {
    SSL_CTX *context;
    SSL *ssl;
    int fd;
};

static inline PS_UNUSED void tls_open(struct tls_client *client, const struct identity *identity,
                                      const struct identity *chain)
{
    const struct sockaddr_in address = loopback(1, port);

    client->context = SSL_CTX_new(TLS_client_method());
    if (identity != NULL) {
        assert_int_equal(SSL_CTX_use_certificate(client->context, identity->certificate), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(client->context, identity->key), 1);
    }
    if (chain != NULL) {
        assert_int_equal(SSL_CTX_add1_chain_cert(client->context, chain->certificate), 1);
    }
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client->fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(fcntl(client->fd, F_SETFL, O_NONBLOCK), 0);
    client->ssl = SSL_new(client->context);
    (void)SSL_set_fd(client->ssl, client->fd);
}

static inline PS_UNUSED void tls_close(struct tls_client *client)
{
    SSL_free(client->ssl);
    SSL_CTX_free(client->context);
    (void)close(client->fd);
}

/* Goes on until the call succeeds or fails for good, turning the server meanwhile. */
static inline PS_UNUSED int tls_wait(struct tls_client *client, int (*step)(struct tls_client *))
{
    const uint64_t deadline = ps_clock_mono_ns() + CLIENT_WAIT_NS;

    for (;;) {
        const int result = step(client);
        const int why = SSL_get_error(client->ssl, result);

        if (result > 0 || (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)) {
            return result;
        }
        assert_true(ps_clock_mono_ns() < deadline);
        assert_ok(ps_loop_turn(loop, 1));
    }
}

static inline PS_UNUSED int step_connect(struct tls_client *client)
{
    return SSL_connect(client->ssl);
}

static inline PS_UNUSED int step_write(struct tls_client *client)
{
    static const char request[] = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";

    return SSL_write(client->ssl, request, (int)sizeof request - 1);
}

static char answer[4096];

static inline PS_UNUSED int step_read(struct tls_client *client)
{
    const int got = SSL_read(client->ssl, answer, (int)sizeof answer - 1);

    answer[got > 0 ? got : 0] = '\0';
    return got;
}

/* One request; who the server took the client for is in last_caller. */
static inline PS_UNUSED bool ask(struct tls_client *client)
{
    const unsigned before = requests;

    if (tls_wait(client, step_write) <= 0) {
        return false;
    }
    while (strstr(answer, "ok") == NULL || requests == before) {
        if (tls_wait(client, step_read) <= 0) {
            return false;
        }
    }
    return true;
}

static inline PS_UNUSED void ask_as(const struct identity *identity, const struct identity *chain)
{
    struct tls_client client;

    memset(&last_caller, 0xff, sizeof last_caller);
    tls_open(&client, identity, chain);
    assert_int_equal(tls_wait(&client, step_connect), 1);
    assert_true(ask(&client));
    tls_close(&client);
}

#endif
