#ifndef KEYSTORE_EVENTS_UNSIGNED_END_H
#define KEYSTORE_EVENTS_UNSIGNED_END_H

#include "keystore/events/derive.h"
#include "keystore/internal.h"

/*
 * The end of `events` that no signed checkpoint covers, at a start. Whoever can write to the disk
 * can put leaves there, but not sign for them; and the appliance's own are there when it stopped a
 * moment later, or while the token with the log's key was away or locked. So each is judged as if
 * it came from outside: what was begun, by the people who signed; what was done, by doing it once
 * more in memory (docs/decisions/0020-the-unsigned-end.md).
 */

struct unsigned_end {
    struct keeper *keeper;
    struct derive *derive;
    bool is_found; /* the key that signed the stored checkpoint */
};

/* The first leaf, which names the log's key, unless a snapshot has told of it. */
PS_MUST_USE enum ps_err unsigned_end_begin_log(struct derive *derive, struct log *events);

/*
 * Tells `derive` how many leaves are signed for. It has taken in the first leaf, which names the
 * log's key. Errors: PS_E_INPUT (a checkpoint that is none).
 */
PS_MUST_USE enum ps_err unsigned_end_begin(struct keeper *keeper, struct derive *derive,
                                           struct unsigned_end *ret_end);

/*
 * Has `derive` take in the other leaves, and judges those that are to be. The keeper's memory is
 * another one afterwards: to be loaded anew.
 * Errors: PS_E_DENIED (a leaf that is none of ours; the detail names it and says why; or a
 * checkpoint of another key), PS_E_BUSY (the clock has not reached the time of one), PS_E_STORAGE,
 * PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err unsigned_end_judge(struct unsigned_end *end);

#endif
