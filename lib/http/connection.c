#include "lib/http/internal.h"

#include "lib/base/clock.h"

#include <stdlib.h>
#include <sys/socket.h>

static void leave(struct http_connection *connection)
{
    struct http_server *server = connection->server;

    if (connection->previous != NULL) {
        connection->previous->next = connection->next;
    } else {
        server->phases[connection->phase].first = connection->next;
    }
    if (connection->next != NULL) {
        connection->next->previous = connection->previous;
    } else {
        server->phases[connection->phase].last = connection->previous;
    }
}

static void append(struct http_connection *connection, enum phase phase)
{
    struct http_server *server = connection->server;

    connection->phase = phase;
    connection->since_ns = ps_clock_mono_ns();
    connection->next = NULL;
    connection->previous = server->phases[phase].last;
    if (connection->previous != NULL) {
        connection->previous->next = connection;
    } else {
        server->phases[phase].first = connection;
    }
    server->phases[phase].last = connection;
}

void connection_enter(struct http_connection *connection, enum phase phase)
{
    leave(connection);
    append(connection, phase);
    deadline_consider(connection);
}

void connection_end(const struct http_connection *connection)
{
    /* libmicrohttpd sees the end of the stream, cleans up and closes. */
    (void)shutdown(connection->fd, SHUT_RDWR);
}

/*
 * Makes room when all connections are taken: the one idle longest goes, else one that has been
 * there for a second without sending a request line.
 */
static bool evict_one(struct http_server *server)
{
    struct http_connection *idle = server->phases[PHASE_IDLE].first;
    struct http_connection *fresh = server->phases[PHASE_FRESH].first;

    if (idle != NULL) {
        /* Its turn to be evicted has come; it leaves the queue so that it is not chosen twice. */
        connection_enter(idle, PHASE_OVER);
        connection_end(idle);
        return true;
    }
    if (fresh != NULL && ps_clock_mono_ns() - fresh->since_ns > PS_NS_PER_S) {
        connection_enter(fresh, PHASE_OVER);
        connection_end(fresh);
        return true;
    }
    return false;
}

static void begin_tls(struct http_connection *connection, struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);

    if (info == NULL || connection->server->tls == NULL) {
        connection_end(connection);
        return;
    }
    connection->session = info->tls_session;
    connection->tls = http_tls_ref(connection->server->tls);
    tls_begin(connection->tls, connection->session);
}

static void check_limits(struct http_connection *connection)
{
    struct http_server *server = connection->server;

    if (connection->tally != NULL &&
        connection->tally->count > server->limits.connections_per_caller) {
        connection->over = PS_PROBLEM_RATE_LIMITED;
    } else if (server->connections > server->limits.connections && !evict_one(server)) {
        connection->over = PS_PROBLEM_OVERLOADED;
    }
}

void connection_started(struct http_server *server, struct MHD_Connection *mhd, void **context)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct http_connection *connection;

    *context = NULL;
    if (info == NULL) {
        return;
    }
    connection = calloc(1, sizeof *connection);
    if (connection == NULL) {
        (void)shutdown(info->connect_fd, SHUT_RDWR);
        return;
    }
    connection->server = server;
    connection->mhd = mhd;
    connection->fd = info->connect_fd;
    *context = connection;
    append(connection, PHASE_FRESH);
    server->connections++;
    if (server->transport == HTTP_TRANSPORT_TLS) {
        begin_tls(connection, mhd);
    }
    caller_begin(connection);
    check_limits(connection);
    connection_enter(connection, connection->over == PS_PROBLEM_NONE ? PHASE_FRESH : PHASE_OVER);
}

void connection_closed(struct http_server *server, void **context)
{
    struct http_connection *connection = *context;

    if (connection == NULL) {
        return;
    }
    leave(connection);
    caller_forget(connection);
    http_tls_free(connection->tls);
    server->connections--;
    free(connection);
    *context = NULL;
}
