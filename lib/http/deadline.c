#include "lib/http/internal.h"

#include "lib/base/clock.h"

/* Time to be told that one is over a limit. */
#define OVER_NS PS_NS_PER_S

static uint64_t allowed_ns(const struct http_server *server, enum phase phase)
{
    switch (phase) {
    case PHASE_FRESH:
    case PHASE_HEAD:
        return server->limits.header_deadline_ms * PS_NS_PER_MS;
    case PHASE_BODY:
    case PHASE_SEND:
        return server->limits.body_deadline_ms * PS_NS_PER_MS;
    case PHASE_IDLE:
        return server->limits.idle_deadline_ms * PS_NS_PER_MS;
    case PHASE_OVER:
        return OVER_NS;
    case PHASE_WORK:
    case PHASE_COUNT:
    default:
        return UINT64_MAX;
    }
}

static void set(struct http_server *server, uint64_t when_ns)
{
    server->deadline_ns = when_ns;
    if (when_ns == UINT64_MAX) {
        ps_timer_unset(server->deadline);
    } else {
        ps_timer_set(server->deadline, when_ns);
    }
}

void deadline_consider(const struct http_connection *connection)
{
    struct http_server *server = connection->server;
    const uint64_t allowed = allowed_ns(server, connection->phase);

    if (allowed != UINT64_MAX && connection->since_ns + allowed < server->deadline_ns) {
        set(server, connection->since_ns + allowed);
    }
}

static void set_soonest(struct http_server *server)
{
    uint64_t soonest = UINT64_MAX;

    for (unsigned i = 0; i < PHASE_COUNT; i++) {
        const struct http_connection *first = server->phases[i].first;
        const uint64_t allowed = allowed_ns(server, (enum phase)i);

        if (first != NULL && allowed != UINT64_MAX && first->since_ns + allowed < soonest) {
            soonest = first->since_ns + allowed;
        }
    }
    set(server, soonest);
}

static void expire(struct http_connection *connection)
{
    const enum phase phase = connection->phase;

    if ((phase == PHASE_HEAD || phase == PHASE_BODY) && connection->request != NULL) {
        answer_late(connection->request, PS_PROBLEM_TIMEOUT);
    }
    connection_end(connection);
    /* To the end of its queue, in case that its descriptor's end is not noticed at once. */
    connection_enter(connection, phase);
}

void deadline_expired(void *context)
{
    struct http_server *server = context;
    const uint64_t now = ps_clock_mono_ns();

    for (unsigned i = 0; i < PHASE_COUNT; i++) {
        const uint64_t allowed = allowed_ns(server, (enum phase)i);
        struct http_connection *first = server->phases[i].first;

        while (first != NULL && allowed != UINT64_MAX && first->since_ns + allowed <= now) {
            expire(first);
            first = server->phases[i].first;
        }
    }
    set_soonest(server);
}
