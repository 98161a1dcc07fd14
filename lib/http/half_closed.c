#include "lib/http/half_closed.h"

#include "lib/base/clock.h"

#include <sys/socket.h>

/*
 * A client that has shut down its writing side in the middle of a request cannot complete it.
 * libmicrohttpd ends such a connection when it reads the end by itself; when octets and end came
 * together it stops reading after the octets, is not woken again, and the connection would live
 * until its deadline. So we look at the descriptors of those that wait, a few times a second.
 */
#define LOOK_EVERY_NS (250 * PS_NS_PER_MS)

/* Nothing more can come: all that was sent has been read, and the client's half is closed. */
static bool has_ended(const struct http_connection *connection)
{
    char octet;

    return recv(connection->fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void finish(struct http_connection *connection)
{
    if (connection->request != NULL) {
        answer_late(connection->request, PS_PROBLEM_MALFORMED);
    }
    /* It leaves its queue, so that it is not looked at twice before it is gone. */
    connection_enter(connection, PHASE_OVER);
    connection_end(connection);
}

static const enum phase waiting[] = {PHASE_FRESH, PHASE_HEAD, PHASE_BODY};

/*
 * A younger one may have octets that libmicrohttpd has read and not yet looked at: in the queue the
 * oldest come first.
 */
static void look_at(struct http_server *server, enum phase phase)
{
    const uint64_t now = ps_clock_mono_ns();
    struct http_connection *next;

    for (struct http_connection *at = server->phases[phase].first; at != NULL; at = next) {
        if (now - at->since_ns < LOOK_EVERY_NS) {
            return;
        }
        next = at->next;
        if (has_ended(at)) {
            finish(at);
        }
    }
}

void half_closed_look(void *context)
{
    struct http_server *server = context;
    bool any = false;

    for (size_t i = 0; i < PS_COUNT_OF(waiting); i++) {
        look_at(server, waiting[i]);
        any = any || server->phases[waiting[i]].first != NULL;
    }
    server->looking = any;
    if (any) {
        ps_timer_set_in(server->look, LOOK_EVERY_NS);
    }
}

void half_closed_consider(const struct http_connection *connection)
{
    struct http_server *server = connection->server;

    for (size_t i = 0; !server->looking && i < PS_COUNT_OF(waiting); i++) {
        if (connection->phase == waiting[i]) {
            server->looking = true;
            ps_timer_set_in(server->look, LOOK_EVERY_NS);
        }
    }
}
