#ifndef KEYSTORE_BACKUP_DRILL_PAST_H
#define KEYSTORE_BACKUP_DRILL_PAST_H

#include "keystore/internal.h"

/*
 * What the log says of the drills of the last 30 days: read from its end, in slices, once after a
 * start.
 */
#define DRILL_KIND   "drill"
#define DRILL_LATE_S (30u * 24u * 3600u)

struct drill_past {
    bool is_begun;
    bool is_known;      /* all of it was read */
    uint64_t next;      /* leaves below this one were not read yet */
    uint64_t good_s;    /* the last one that was good; 0: none in that time */
    uint64_t since_s;   /* nothing is known of what was before */
    uint64_t last_s;    /* the last one; 0: none */
    struct ps_buf last; /* its data */
};

void drill_past_init(struct drill_past *past);
void drill_past_clear(struct drill_past *past);

/* Some leaves more. Errors: those of the log. */
PS_MUST_USE enum ps_err drill_past_read(struct drill_past *past, const struct keeper *keeper);

/* One has ended just now. */
PS_MUST_USE enum ps_err drill_past_add(struct drill_past *past, uint64_t time_s, bool is_good,
                                       struct ps_bytes data);

/* What is later than now was said by a clock that was wrong: it would keep drills and alarms away.
 */
void drill_past_heed_clock(struct drill_past *past, uint64_t now_s);

/* The time from which on another one counts as due, or as overdue. */
uint64_t drill_past_base(const struct drill_past *past);

#endif
