#include "lib/http/internal.h"

#include "lib/base/clock.h"
#include "lib/http/tls_session.h"

#include <assert.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

/* A certificate that was good when the connection began is looked at again after this time. */
#define VERIFY_EVERY_NS (3600 * PS_NS_PER_S)

/* Of an IPv6 address: whoever has one has all of its network. */
#define NETWORK_LEN 8u

enum tally_kind { TALLY_UID = 1, TALLY_ADDRESS, TALLY_SPKI };

static struct tally *add_tally(struct ps_map *tallies, const struct tally *template)
{
    struct tally *tally = malloc(sizeof *tally);

    if (tally == NULL) {
        return NULL;
    }
    *tally = *template;
    if (ps_map_add(tallies, ps_bytes(tally->key, tally->key_len), tally) != PS_OK) {
        free(tally);
        return NULL;
    }
    return tally;
}

static void count(struct http_connection *connection, enum tally_kind kind, struct ps_bytes who)
{
    struct ps_map *tallies = connection->server->tallies;
    struct tally wanted = {.key_len = 1 + who.len};
    struct tally *tally;

    assert(who.len <= PS_SHA256_LEN);
    wanted.key[0] = (uint8_t)kind;
    memcpy(wanted.key + 1, who.data, who.len);
    tally = ps_map_get(tallies, ps_bytes(wanted.key, wanted.key_len));
    if (tally == NULL) {
        tally = add_tally(tallies, &wanted);
    }
    if (tally == NULL) {
        connection_end(connection);
        return;
    }
    tally->count++;
    connection->tally = tally;
}

void caller_forget(struct http_connection *connection)
{
    struct tally *tally = connection->tally;

    connection->tally = NULL;
    if (tally == NULL || --tally->count != 0) {
        return;
    }
    (void)ps_map_remove(connection->server->tallies, ps_bytes(tally->key, tally->key_len));
    free(tally);
}

static void begin_unix(struct http_connection *connection)
{
    struct ucred peer;
    socklen_t len = sizeof peer;

    if (getsockopt(connection->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 ||
        len != sizeof peer) {
        connection_end(connection);
        return;
    }
    connection->caller.kind = HTTP_CALLER_UNIX;
    connection->caller.uid = peer.uid;
    count(connection, TALLY_UID, ps_bytes(&peer.uid, sizeof peer.uid));
}

/* Until a certificate says who it is, a connection counts against its address. */
static void count_address(struct http_connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (info == NULL || info->client_addr == NULL) {
        return;
    }
    if (info->client_addr->sa_family == AF_INET) {
        memcpy(&v4, info->client_addr, sizeof v4);
        count(connection, TALLY_ADDRESS, ps_bytes(&v4.sin_addr, sizeof v4.sin_addr));
    } else if (info->client_addr->sa_family == AF_INET6) {
        memcpy(&v6, info->client_addr, sizeof v6);
        count(connection, TALLY_ADDRESS, ps_bytes(&v6.sin6_addr, NETWORK_LEN));
    }
}

void caller_begin(struct http_connection *connection)
{
    if (connection->server->transport == HTTP_TRANSPORT_UNIX) {
        begin_unix(connection);
    } else {
        count_address(connection);
    }
}

static void verify(struct http_connection *connection)
{
    const struct http_tls *tls = connection->server->tls;

    if (!tls_verify(tls, connection->session, &connection->caller)) {
        connection->caller = (struct http_caller){.kind = HTTP_CALLER_NOBODY};
    }
    connection->verified_against = tls_serial(tls);
    connection->verify_again_ns = ps_clock_real_ns() + VERIFY_EVERY_NS;
    if (connection->caller.kind == HTTP_CALLER_TLS &&
        connection->caller.not_after_s <= connection->verify_again_ns / PS_NS_PER_S) {
        connection->verify_again_ns = connection->caller.not_after_s * PS_NS_PER_S;
    }
}

void caller_identify(struct http_connection *connection)
{
    const struct http_server *server = connection->server;
    const bool first = connection->verified_against == 0;

    if (server->transport != HTTP_TRANSPORT_TLS ||
        (connection->verified_against == tls_serial(server->tls) &&
         ps_clock_real_ns() < connection->verify_again_ns)) {
        return;
    }
    verify(connection);
    if (!first || connection->caller.kind != HTTP_CALLER_TLS) {
        return;
    }
    /* What there is too much of at its address says nothing of who it turned out to be. */
    if (connection->over == PS_PROBLEM_RATE_LIMITED) {
        connection->over = PS_PROBLEM_NONE;
    }
    caller_forget(connection);
    count(connection, TALLY_SPKI, ps_bytes(connection->caller.spki, PS_SHA256_LEN));
    if (connection->tally != NULL &&
        connection->tally->count > server->limits.connections_per_caller) {
        connection->over = PS_PROBLEM_RATE_LIMITED;
    }
}

struct ps_bytes http_request_peer(const struct http_request *request)
{
    const struct tally *tally = request->connection->tally;

    return tally == NULL ? ps_bytes(NULL, 0) : ps_bytes(tally->key, tally->key_len);
}
