#ifndef KEYSTORE_CHECK_H
#define KEYSTORE_CHECK_H

#include "keystore/internal.h"

/*
 * What is looked at again and again while the appliance runs: that the catalog still is what the
 * log says (hourly, and when somebody else wrote to it), that its file is there, that the disk has
 * room, that the clock goes steadily, that a log that failed works again.
 */
PS_MUST_USE enum ps_err check_new(struct keeper *keeper, struct check **ret_check);
void check_free(struct check *check);
PS_DEFINE_CLEANUP(struct check, check_free)

/* Called once a second, also before genesis. */
void check_tick(struct check *check);

/* Before a change: the catalog's file is there and nobody wrote to it. */
PS_MUST_USE enum ps_err check_catalog_now(struct check *check);

/* The time of the newest leaf, known from the start. */
void check_note_time(struct check *check, uint64_t real_ns);

/* False while times must not be signed. */
bool check_clock_is_good(const struct check *check);

#endif
