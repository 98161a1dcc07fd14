#ifndef KEYSTORE_BACKUP_LOSSES_H
#define KEYSTORE_BACKUP_LOSSES_H

#include "keystore/internal.h"

/*
 * Keys that cannot be had any more: they live in a token that the configuration does not name, or
 * are wrapped by a key that no token of it holds, or what was wrapped is not there.
 *
 * Each appends the names of at most `limit` of those that are lost, in their order.
 */
struct writer;

struct losses {
    size_t lost;
    size_t unknown; /* whether these can be had could not be found out */
};

/* Rows of wrapped keys that losses_put reads at most, some ten microseconds each. */
#define LOSSES_RECORDS_MAX 10000u

/*
 * All but those whose record alone is missing, where tokens hold every version of the key that
 * wraps, or none of them. Where they hold some, each key is judged by its own row, and those beyond
 * LOSSES_RECORDS_MAX are unknown, as all are when the catalog cannot be read.
 * Errors: PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err losses_put(const struct keeper *keeper, size_t limit, struct writer *out,
                                   struct losses *ret_losses);

/*
 * All of them. Reads the rows of every key, some ten microseconds each: for an appliance that does
 * nothing else. Errors: the catalog's; also for one key of which it is not known.
 */
PS_MUST_USE enum ps_err losses_put_all(const struct keeper *keeper, size_t limit,
                                       struct writer *out, struct losses *ret_losses);

#define LOSSES_NAMED 64u /* the first of them; how many there are is said besides */

/*
 * Those that would be lost next, as the member `name`: `count` and `keys`, at most LOSSES_NAMED of
 * their names. They live in one token alone, and are in no backup.
 */
PS_MUST_USE enum ps_err losses_put_in_one_token(const struct keeper *keeper, const char *name,
                                                struct writer *out);

#endif
