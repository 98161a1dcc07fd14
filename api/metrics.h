#ifndef API_METRICS_H
#define API_METRICS_H

#include "api/keeper.h"
#include "api/routes.h"

/*
 * Counters per route, method and status: totals since the start, sent to the keeper once a second
 * while there is news; it writes them out at GET /metrics. Labels come from tables alone.
 */
struct metrics;

PS_MUST_USE enum ps_err metrics_new(struct ps_loop *loop, struct keeper *keeper,
                                    struct metrics **ret_metrics);
void metrics_free(struct metrics *metrics);
PS_DEFINE_CLEANUP(struct metrics, metrics_free)

/* `route` may be NULL: no route was found. */
void metrics_count(struct metrics *metrics, const struct route *route, enum http_method method,
                   unsigned status, uint64_t micros);

/* Appends "<route> <method> <code> <count> <sum of microseconds>\n" for all that was counted. */
void metrics_put(const struct metrics *metrics, struct ps_buf *out);

#endif
