#ifndef KEYSTORE_BACKUP_LOSSES_H
#define KEYSTORE_BACKUP_LOSSES_H

#include "keystore/internal.h"

/*
 * Keys that cannot be had any more: they live in a token that the configuration does not name, or
 * are wrapped by a key that no token of it holds, or what was wrapped is not there.
 *
 * Each appends the names of at most `limit` of them, in their order; *ret_count is how many there
 * are. Errors: the catalog's.
 */
struct writer;

/* All but those whose record alone is missing. Goes through the keys in memory. */
PS_MUST_USE enum ps_err losses_put(const struct keeper *keeper, size_t limit, struct writer *out,
                                   size_t *ret_count);

/*
 * All of them. Reads the rows of every key, some ten microseconds each: for an appliance that does
 * nothing else.
 */
PS_MUST_USE enum ps_err losses_put_all(const struct keeper *keeper, size_t limit,
                                       struct writer *out, size_t *ret_count);

/* Those that would be lost next: they live in one token alone, and in no backup. */
PS_MUST_USE enum ps_err losses_put_in_one_token(const struct keeper *keeper, size_t limit,
                                                struct writer *out, size_t *ret_count);

#endif
