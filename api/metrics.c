#include "api/metrics.h"

#include "lib/base/clock.h"

#include <stdlib.h>

/* Every status that is ever answered; the last row counts whatever else there may be. */
static const unsigned statuses[] = {200, 201, 202, 304, 400, 401, 403, 404, 405, 408,
                                    409, 412, 413, 415, 422, 429, 431, 500, 503, 0};
#define STATUSES PS_COUNT_OF(statuses)

/* HEAD counts as GET; what no route was found for has a row per known method. */
static const enum http_method methods[] = {HTTP_GET, HTTP_POST, HTTP_PUT, HTTP_DELETE, HTTP_OTHER};
#define METHODS PS_COUNT_OF(methods)

struct counter {
    uint64_t count;
    uint64_t micros;
};

struct metrics {
    struct keeper *keeper;
    struct ps_timer *timer;
    bool has_news;
    struct counter unrouted[METHODS][STATUSES];
    struct counter routed[][STATUSES]; /* by place in the route table */
};

static void on_timer(void *context)
{
    struct metrics *metrics = context;
    PS_BUF_AUTO rows = {0};
    struct msg_api_metrics message = {0};

    ps_timer_set_in(metrics->timer, PS_NS_PER_S);
    if (!metrics->has_news || !keeper_is_connected(metrics->keeper)) {
        return;
    }
    ps_buf_init(&rows, 64 * 1024);
    metrics_put(metrics, &rows);
    message.rows = ps_buf_bytes(&rows);
    keeper_tell(metrics->keeper, &msg_api_metrics_info, &message);
    metrics->has_news = false;
}

enum ps_err metrics_new(struct ps_loop *loop, struct keeper *keeper, struct metrics **ret_metrics)
{
    PS_CLEANUP(metrics_free_cleanup)
    struct metrics *metrics = calloc(1, sizeof *metrics + route_count * sizeof metrics->routed[0]);

    if (metrics == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    metrics->keeper = keeper;
    PS_TRY(ps_timer_new(loop, on_timer, metrics, &metrics->timer));
    ps_timer_set_in(metrics->timer, PS_NS_PER_S);
    *ret_metrics = metrics;
    metrics = NULL;
    return PS_OK;
}

void metrics_free(struct metrics *metrics)
{
    if (metrics == NULL) {
        return;
    }
    ps_timer_free(metrics->timer);
    free(metrics);
}

static size_t place_of_status(unsigned status)
{
    size_t i = 0;

    while (i < STATUSES - 1 && statuses[i] != status) {
        i++;
    }
    return i;
}

static size_t place_of_method(enum http_method method)
{
    size_t i = 0;

    if (method == HTTP_HEAD) {
        return 0;
    }
    while (i < METHODS - 1 && methods[i] != method) {
        i++;
    }
    return i;
}

void metrics_count(struct metrics *metrics, const struct route *route, enum http_method method,
                   unsigned status, uint64_t micros)
{
    const size_t place = place_of_status(status);
    struct counter *counter = route == NULL ? &metrics->unrouted[place_of_method(method)][place]
                                            : &metrics->routed[route - routes][place];

    counter->count++;
    counter->micros += micros;
    metrics->has_news = true;
}

/* A row that does not fit any more is left out whole. */
static void put_row(struct ps_buf *out, const char *path, enum http_method method, unsigned status,
                    const struct counter *counter)
{
    const size_t before = out->len;

    if (counter->count == 0 || out->err != PS_OK) {
        return;
    }
    ps_buf_put_str(out, path);
    ps_buf_put_u8(out, ' ');
    ps_buf_put_str(out, http_method_name(method));
    ps_buf_put_u8(out, ' ');
    ps_buf_put_decimal(out, status);
    ps_buf_put_u8(out, ' ');
    ps_buf_put_decimal(out, counter->count);
    ps_buf_put_u8(out, ' ');
    ps_buf_put_decimal(out, counter->micros);
    ps_buf_put_u8(out, '\n');
    if (out->err != PS_OK) {
        out->len = before;
    }
}

void metrics_put(const struct metrics *metrics, struct ps_buf *out)
{
    for (size_t i = 0; i < route_count; i++) {
        for (size_t j = 0; j < STATUSES; j++) {
            put_row(out, routes[i].path, routes[i].method, statuses[j], &metrics->routed[i][j]);
        }
    }
    for (size_t i = 0; i < METHODS; i++) {
        for (size_t j = 0; j < STATUSES; j++) {
            put_row(out, "none", methods[i], statuses[j], &metrics->unrouted[i][j]);
        }
    }
}
