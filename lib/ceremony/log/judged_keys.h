#ifndef CEREMONY_LOG_JUDGED_KEYS_H
#define CEREMONY_LOG_JUDGED_KEYS_H

#include "lib/ceremony/log/report.h"
#include "lib/ceremony/log/succession.h"
#include "lib/ceremony/replay/replay.h"

/*
 * The succession of a log's keys where all leaves are there, and with what people approved judged:
 * a key that they did not approve is none of the log's, whatever a leaf says.
 */
struct judged_keys {
    struct log_succession keys;
    struct replay *replay;    /* NULL: the keys are believed */
    struct log_report report; /* nobody hears it: `privyseal audit` tells what else is wrong */
};

/* To be initialised where it stays. Errors: PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err judged_keys_init(struct judged_keys *judged, bool is_judged);
void judged_keys_clear(struct judged_keys *judged);

/* The next leaf; `edge`: of those before it. Errors: as log_succession_take. */
PS_MUST_USE enum ps_err judged_keys_take(struct judged_keys *judged, const struct merkle_edge *edge,
                                         const struct log_event *event);

#endif
