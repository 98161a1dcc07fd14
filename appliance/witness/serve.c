#include "appliance/witness/witness.h"

#include "lib/base/line.h"
#include "lib/base/loop_signals.h"
#include "lib/formats/tlog/proof_text.h"
#include "lib/http/server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 128

/* Public data, signed by those who made it: whoever asks, what is asked is all that counts. */
struct service {
    struct witness *witness;
    struct ps_loop *loop;
    struct http_server *server;
};

static bool is_add(const struct http_request *request)
{
    return ps_bytes_equal_str(http_request_target(request)->path, "/add-checkpoint");
}

static void on_head(void *context, struct http_request *request)
{
    (void)context;
    if (!is_add(request)) {
        http_refuse(request, &(struct http_problem){.problem = PS_PROBLEM_NOT_FOUND});
    } else if (http_request_method(request) != HTTP_POST) {
        http_refuse(request, &(struct http_problem){.problem = PS_PROBLEM_METHOD_NOT_ALLOWED});
    } else {
        http_request_allow_body(request, WITNESS_REQUEST_MAX);
    }
}

static void on_request(void *context, struct http_request *request)
{
    const struct service *service = context;
    struct ps_buf *out = http_request_out(request);
    const enum witness_verdict verdict =
        witness_add_checkpoint(service->witness, http_request_body(request), out);
    struct http_answer answer = {.status = (unsigned)verdict, .media = "text/plain; charset=utf-8"};

    if (verdict == WITNESS_OTHER_SIZE) {
        answer.media = "text/x.tlog.size";
    } else if (verdict != WITNESS_COSIGNED) {
        ps_buf_reset(out);
        ps_buf_printf(out, "%s\n",
                      verdict == WITNESS_FAILED ? "the witness cannot read or write its files"
                                                : ps_detail()->text);
    }
    ps_line(verdict == WITNESS_COSIGNED ? PS_INFO : PS_WARNING, "checkpoint",
            PS_NUM("status", (uint64_t)verdict),
            PS_STR("detail", verdict == WITNESS_COSIGNED ? "cosigned" : ps_detail()->text));
    http_answer(request, &answer);
}

static void on_answer(void *context, struct http_request *request, unsigned status)
{
    (void)context;
    (void)request;
    (void)status;
}

static void on_drained(void *context, struct http_server *server)
{
    (void)server;
    ps_loop_stop(((struct service *)context)->loop);
}

static void on_signal(void *context, const struct signalfd_siginfo *info)
{
    (void)info;
    http_server_drain(((struct service *)context)->server);
}

static enum ps_err bad_address(void)
{
    return ps_fail(
        PS_E_INPUT, 0,
        "an address to listen at is ADDRESS:PORT, both numbers, or the absolute path of a "
        "Unix socket");
}

/* "127.0.0.1:8080" or "[::1]:8080" */
static enum ps_err parse_address(const char *text, struct sockaddr_storage *ret_address,
                                 socklen_t *ret_len)
{
    const char *colon = strrchr(text, ':');
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    char host[64];
    char *end = NULL;
    unsigned long port;
    int len;

    if (colon == NULL || colon[1] < '0' || colon[1] > '9') {
        return bad_address();
    }
    port = strtoul(colon + 1, &end, 10);
    len = text[0] == '[' && colon > text && colon[-1] == ']'
              ? snprintf(host, sizeof host, "%.*s", (int)(colon - text - 2), text + 1)
              : snprintf(host, sizeof host, "%.*s", (int)(colon - text), text);
    if (*end != '\0' || port > UINT16_MAX || len < 0 || (size_t)len >= sizeof host) {
        return bad_address();
    }
    v4.sin_port = v6.sin6_port = htons((uint16_t)port);
    if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
        memcpy(ret_address, &v4, sizeof v4);
        *ret_len = sizeof v4;
    } else if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1) {
        memcpy(ret_address, &v6, sizeof v6);
        *ret_len = sizeof v6;
    } else {
        return bad_address();
    }
    return PS_OK;
}

static enum ps_err unix_address(const char *path, struct sockaddr_storage *ret_address,
                                socklen_t *ret_len)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof address.sun_path) {
        return ps_fail(PS_E_INPUT, 0, "a socket's path has at most %zu octets",
                       sizeof address.sun_path - 1);
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    memcpy(ret_address, &address, sizeof address);
    *ret_len = sizeof address;
    (void)unlink(path);
    return PS_OK;
}

static enum ps_err listen_at(const char *text, struct http_listener *ret_listener)
{
    struct sockaddr_storage address = {0};
    const int on = 1;
    socklen_t len = 0;
    int fd;

    PS_TRY(text[0] == '/' ? unix_address(text, &address, &len)
                          : parse_address(text, &address, &len));
    fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return ps_fail_errno(PS_E_STORAGE, "socket");
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)&address, len) != 0 || listen(fd, BACKLOG) != 0) {
        const enum ps_err err = ps_fail_errno(PS_E_STORAGE, "%s: listening", text);

        (void)close(fd);
        return err;
    }
    *ret_listener = (struct http_listener){
        .transport = text[0] == '/' ? HTTP_TRANSPORT_UNIX : HTTP_TRANSPORT_TCP, .fd = fd};
    return PS_OK;
}

/* With the port that the kernel chose, if none was named. */
static void tell_ready(const char *text, int fd)
{
    struct sockaddr_in6 address = {.sin6_port = 0};
    socklen_t len = sizeof address;
    const char *colon = strrchr(text, ':');

    if (text[0] != '/' && getsockname(fd, (struct sockaddr *)&address, &len) == 0) {
        (void)printf("ready %.*s:%u\n", (int)(colon - text), text,
                     (unsigned)ntohs(address.sin6_port));
    } else {
        (void)printf("ready %s\n", text);
    }
    (void)fflush(stdout);
}

static enum ps_err run(struct service *service, const char *address)
{
    static const struct http_limits limits = {.header_deadline_ms = 5000,
                                              .body_deadline_ms = 5000,
                                              .idle_deadline_ms = 60000,
                                              .connections = 256,
                                              .connections_per_caller = 64};
    static const struct http_handler handler = {.on_head = on_head,
                                                .on_request = on_request,
                                                .on_answer = on_answer,
                                                .on_drained = on_drained};
    struct http_listener listener;
    sigset_t signals;

    PS_TRY(listen_at(address, &listener));
    tell_ready(address, listener.fd);
    PS_TRY(http_server_new(service->loop, &listener, &limits, &handler, service, &service->server));
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    PS_TRY(ps_loop_signals(service->loop, &signals, on_signal, service));
    return ps_loop_run(service->loop);
}

enum ps_err witness_serve(struct witness *witness, const char *address)
{
    struct service service = {.witness = witness};
    enum ps_err err;

    PS_TRY(ps_loop_new(&service.loop));
    err = run(&service, address);
    http_server_free(service.server);
    ps_loop_free(service.loop);
    if (address[0] == '/') {
        (void)unlink(address);
    }
    return err;
}
