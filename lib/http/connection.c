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

/* The first of a queue that no certificate and no user has said who it is. */
static struct http_connection *oldest_stranger(const struct http_server *server, enum phase phase)
{
    struct http_connection *at = server->phases[phase].first;

    while (at != NULL && at->caller.kind != HTTP_CALLER_NOBODY) {
        at = at->next;
    }
    return at;
}

static bool has_had_a_second(const struct http_connection *connection)
{
    return ps_clock_mono_ns() - connection->since_ns >= PS_NS_PER_S;
}

static void evict(struct http_connection *victim)
{
    /* It leaves its queue, so that it is not chosen twice before it is gone. */
    connection_enter(victim, PHASE_OVER);
    connection_end(victim);
}

/*
 * A stranger's that does nothing goes, or whose handshake, request or taking of an answer is longer
 * than a second under way: however many addresses strangers have, those whom we know stay.
 */
static bool evict_stranger(struct http_server *server)
{
    static const enum phase phases[] = {PHASE_IDLE, PHASE_FRESH, PHASE_HEAD, PHASE_BODY,
                                        PHASE_SEND};

    if (server->transport != HTTP_TRANSPORT_TLS) {
        return false;
    }
    for (size_t i = 0; i < PS_COUNT_OF(phases); i++) {
        struct http_connection *victim = oldest_stranger(server, phases[i]);

        if (victim != NULL && (phases[i] == PHASE_IDLE || has_had_a_second(victim))) {
            evict(victim);
            return true;
        }
    }
    return false;
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
        if (victim == NULL || !has_had_a_second(victim)) {
            return false;
        }
    }
    evict(victim);
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

static bool is_over_own_limit(const struct http_connection *connection)
{
    return connection->tally != NULL &&
           connection->tally->count > connection->server->limits.connections_per_caller;
}

/* Being told so takes a connection too: one caller has no more than half of all for that. */
static bool has_half_of_all(const struct http_connection *connection)
{
    return connection->tally->count > connection->server->limits.connections / 2;
}

static void check_limits(struct http_connection *connection)
{
    struct http_server *server = connection->server;

    if (is_over_own_limit(connection) && !evict_one(server, connection->tally)) {
        connection->over = PS_PROBLEM_RATE_LIMITED;
        if (has_half_of_all(connection)) {
            connection_end(connection);
        }
    } else if (server->connections > server->limits.connections && !evict_stranger(server) &&
               !evict_one(server, NULL)) {
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
