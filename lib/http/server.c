#include "lib/http/server.h"

#include "lib/base/clock.h"
#include "lib/http/half_closed.h"
#include "lib/http/internal.h"

#include <fcntl.h>
#include <gnutls/abstract.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

/* Memory of libmicrohttpd per connection: headers, and what of a body is read at once. */
#define HEAD_OCTETS (16u * 1024u)

/* An answer takes three passes from its header to waiting for the next request. */
#define PASSES_MAX 4u

/* Connections beyond the limit that are accepted to be told so. */
#define CONNECTIONS_OVER 64u

static void on_connection(void *context, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        connection_started(context, mhd, socket_context);
    } else {
        connection_closed(context, socket_context);
    }
}

static void check_drained(struct http_server *server)
{
    if (server->draining && !server->drained && server->requests == 0) {
        server->drained = true;
        server->handler.on_drained(server->context, server);
    }
}

/* Whether libmicrohttpd has something to do before it waits. */
static bool has_more(struct http_server *server)
{
    MHD_UNSIGNED_LONG_LONG timeout;

    return MHD_get_timeout(server->daemon, &timeout) == MHD_YES && timeout == 0;
}

static void on_run(void *context)
{
    struct http_server *server = context;
    unsigned passes = 0;

    do {
        (void)MHD_run(server->daemon);
    } while (has_more(server) && ++passes < PASSES_MAX);
    if (has_more(server)) {
        ps_timer_set(server->again, 0);
    }
    check_drained(server);
}

/* Answers that came in the same turn of the loop go out in the same run. */
static void on_epoll(void *context, uint32_t events)
{
    struct http_server *server = context;

    (void)events;
    ps_defer_arm(server->run);
}

static void on_again(void *context)
{
    struct http_server *server = context;

    ps_defer_arm(server->run);
}

/* libmicrohttpd wants some certificate to start; each session gets its own in tls_begin. */
/* NOLINTNEXTLINE(readability-function-size): GnuTLS' type, parameters and all. */
static int no_certificate(gnutls_session_t session, const gnutls_datum_t *authorities, int count,
                          const gnutls_pk_algorithm_t *algorithms, int algorithm_count,
                          gnutls_pcert_st **certificates, unsigned *certificate_count,
                          gnutls_privkey_t *key)
{
    (void)session;
    (void)authorities;
    (void)count;
    (void)algorithms;
    (void)algorithm_count;
    (void)certificates;
    (void)certificate_count;
    (void)key;
    return -1;
}

static struct MHD_Daemon *start_daemon(struct http_server *server, int fd)
{
    const unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME |
                           (server->transport == HTTP_TRANSPORT_TLS ? MHD_USE_TLS : 0);
    const struct MHD_OptionItem for_tls[] = {
        {MHD_OPTION_HTTPS_PRIORITIES, 0,
         (void *)(uintptr_t) "NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-DH-ALL"},
        {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)(uintptr_t)no_certificate},
        {MHD_OPTION_END, 0, NULL}};
    const struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    const size_t head = server->limits.head_octets == 0 ? HEAD_OCTETS : server->limits.head_octets;

    return MHD_start_daemon(
        flags, 0, NULL, NULL, exchange_continue, server, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, head, MHD_OPTION_CONNECTION_LIMIT,
        server->limits.connections + CONNECTIONS_OVER, MHD_OPTION_CONNECTION_TIMEOUT, 0u,
        MHD_OPTION_URI_LOG_CALLBACK, exchange_begin, server, MHD_OPTION_NOTIFY_COMPLETED,
        exchange_end, server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_ARRAY,
        server->transport == HTTP_TRANSPORT_TLS ? for_tls : none, MHD_OPTION_END);
}

static enum ps_err start(struct http_server *server, int fd)
{
    const union MHD_DaemonInfo *info;
    const int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
        const enum ps_err err = ps_fail_errno(PS_E_INTERNAL, "fcntl on a listener");

        (void)close(fd);
        return err;
    }
    server->daemon = start_daemon(server, fd);
    if (server->daemon == NULL) {
        (void)close(fd);
        return ps_fail(PS_E_INTERNAL, 0, "libmicrohttpd does not start");
    }
    info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (info == NULL || info->epoll_fd < 0) {
        return ps_fail(PS_E_INTERNAL, 0, "libmicrohttpd has no epoll descriptor");
    }
    PS_TRY(ps_watch_new(server->loop, info->epoll_fd, EPOLLIN, on_epoll, server, &server->watch));
    /* The listener joins libmicrohttpd's epoll set in its first run. */
    ps_defer_arm(server->run);
    return PS_OK;
}

static enum ps_err prepare(struct http_server *server)
{
    PS_TRY(ps_map_new(&server->tallies));
    PS_TRY(ps_defer_new(server->loop, on_run, server, &server->run));
    PS_TRY(ps_timer_new(server->loop, on_again, server, &server->again));
    PS_TRY(ps_timer_new(server->loop, deadline_expired, server, &server->deadline));
    return ps_timer_new(server->loop, half_closed_look, server, &server->look);
}

/* Half of the descriptors, since there may be a second listener, and some are needed for more. */
static uint32_t fitting_connections(uint32_t wanted)
{
    struct rlimit limit;
    rlim_t most;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
        return wanted;
    }
    most = limit.rlim_cur <= 4 * CONNECTIONS_OVER ? CONNECTIONS_OVER
                                                  : limit.rlim_cur / 2 - CONNECTIONS_OVER;
    return wanted > most ? (uint32_t)most : wanted;
}

enum ps_err http_server_new(struct ps_loop *loop, const struct http_listener *listener,
                            const struct http_limits *limits, const struct http_handler *handler,
                            void *context, struct http_server **ret_server)
{
    PS_CLEANUP(http_server_free_cleanup) struct http_server *server = calloc(1, sizeof *server);
    enum ps_err err;

    if (server == NULL) {
        (void)close(listener->fd);
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    server->loop = loop;
    server->handler = *handler;
    server->context = context;
    server->limits = *limits;
    server->limits.connections = fitting_connections(limits->connections);
    server->deadline_ns = UINT64_MAX;
    server->transport = listener->transport;
    server->tls = http_tls_ref(listener->tls);
    err = prepare(server);
    if (err != PS_OK) {
        (void)close(listener->fd);
        return err;
    }
    PS_TRY(start(server, listener->fd));
    *ret_server = server;
    server = NULL;
    return PS_OK;
}

void http_server_free(struct http_server *server)
{
    if (server == NULL) {
        return;
    }
    ps_watch_free(server->watch);
    if (server->daemon != NULL) {
        MHD_stop_daemon(server->daemon);
    }
    ps_defer_free(server->run);
    ps_timer_free(server->again);
    ps_timer_free(server->deadline);
    ps_timer_free(server->look);
    ps_map_free(server->tallies, free);
    while (server->free_requests != NULL) {
        struct http_request *request = server->free_requests;

        server->free_requests = request->next_free;
        request_free(request);
    }
    http_tls_free(server->tls);
    free(server);
}

void http_server_set_tls(struct http_server *server, struct http_tls *tls)
{
    struct http_tls *former = server->tls;

    server->tls = http_tls_ref(tls);
    http_tls_free(former);
}

void http_server_drain(struct http_server *server)
{
    MHD_socket fd;

    if (server->draining) {
        return;
    }
    server->draining = true;
    fd = MHD_quiesce_daemon(server->daemon);
    if (fd != MHD_INVALID_SOCKET) {
        (void)close(fd);
    }
    for (unsigned i = PHASE_FRESH; i <= PHASE_IDLE; i++) {
        for (const struct http_connection *at = server->phases[i].first; at != NULL;
             at = at->next) {
            connection_end(at);
        }
    }
    ps_defer_arm(server->run);
}

size_t http_server_requests(const struct http_server *server)
{
    return server->requests;
}
