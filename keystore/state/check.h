#ifndef KEYSTORE_STATE_CHECK_H
#define KEYSTORE_STATE_CHECK_H

#include "keystore/internal.h"

/*
 * What is looked at again and again while the appliance runs: that the catalog still is what the
 * log says (after each start, hourly, and when somebody else wrote to it), and the log what its
 * checkpoint says; that its file is there, that the disk has
 * room, that the clock goes steadily, that a log that failed works again.
 */
#define CHECK_CLOCK_ALARM "clock" /* the code of its alarms in `events` */

PS_MUST_USE enum ps_err check_new(struct keeper *keeper, struct check **ret_check);
void check_free(struct check *check);
PS_DEFINE_CLEANUP(struct check, check_free)

/* Called once a second, also before genesis. */
void check_tick(struct check *check);

/* Before a change: the catalog's file is there and nobody wrote to it. */
PS_MUST_USE enum ps_err check_catalog_now(struct check *check);

/* A member "check" of an object that is open in `json`: how far the one that goes on is. */
struct writer;
void check_put_progress(const struct check *check, struct writer *json);

/* The time of the newest leaf, known from the start. */
void check_note_time(struct check *check, uint64_t real_ns);

/* False while times must not be signed. */
bool check_clock_is_good(const struct check *check);

/*
 * When the clock was last said not to be trusted, or to be trusted again, in seconds since 1970;
 * 0: never. What has to be waited for begins anew then. `check_note_doubt`: by a leaf of the log.
 */
uint64_t check_clock_doubted_s(const struct check *check);
void check_note_doubt(struct check *check, uint64_t real_ns);

#endif
