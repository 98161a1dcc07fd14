#include "lib/http/internal.h"

#include "lib/base/clock.h"
#include "lib/http/half_closed.h"
#include "lib/http/tls_session.h"

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
    half_closed_consider(connection);
}

void connection_end(const struct http_connection *connection)
{
    /* libmicrohttpd sees the end of the stream, cleans up and closes. */
    (void)shutdown(connection->fd, SHUT_RDWR);
}

/* The first of a queue that belongs to the caller; of any caller when `tally` is NULL. */
static struct http_connection *oldest_of(const struct http_server *server, enum phase phase,
                                         const struct tally *tally)
{
    struct http_connection *at = server->phases[phase].first;

    while (at != NULL && tally != NULL && at->tally != tally) {
        at = at->next;
    }
    return at;
}

/*
 * Makes room: the connection idle longest goes, else one that has been there for a second without
 * sending a request line. `tally`: one of this caller's; NULL: anyone's.
 */
static bool evict_one(struct http_server *server, const struct tally *tally)
{
    struct http_connection *victim = oldest_of(server, PHASE_IDLE, tally);

    if (victim == NULL) {
        victim = oldest_of(server, PHASE_FRESH, tally);
        if (victim == NULL || ps_clock_mono_ns() - victim->since_ns < PS_NS_PER_S) {
            return false;
        }
    }
    /* It leaves its queue, so that it is not chosen twice before it is gone. */
    connection_enter(victim, PHASE_OVER);
    connection_end(victim);
    return true;
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
        connection->tally->count > server->limits.connections_per_caller &&
        !evict_one(server, connection->tally)) {
        connection->over = PS_PROBLEM_RATE_LIMITED;
    } else if (server->connections > server->limits.connections && !evict_one(server, NULL)) {
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
