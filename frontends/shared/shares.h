#ifndef FRONTENDS_SHARED_SHARES_H
#define FRONTENDS_SHARED_SHARES_H

#include "lib/base/err.h"

#include <stddef.h>
#include <stdint.h>

/*
 * How much each one has of what many share, so that nobody alone uses up what there is for all.
 * Whoever has nothing takes no memory.
 */
struct shares;

/* Who it is: octets of a hash. */
#define SHARES_NAME_LEN 16u

PS_MUST_USE enum ps_err shares_new(struct shares **ret_shares);
void shares_free(struct shares *shares);
PS_DEFINE_CLEANUP(struct shares, shares_free)

/* One more of this one; most: at least 1. Errors: PS_E_LIMIT: it has `most` already;
 * PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err shares_take(struct shares *shares, const uint8_t name[SHARES_NAME_LEN],
                                    size_t most);

/* One less; of who has nothing, nothing. */
void shares_leave(struct shares *shares, const uint8_t name[SHARES_NAME_LEN]);

#endif
