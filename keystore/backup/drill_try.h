#ifndef KEYSTORE_BACKUP_DRILL_TRY_H
#define KEYSTORE_BACKUP_DRILL_TRY_H

#include "keystore/backup/drill_sample.h"
#include "keystore/internal.h"

/*
 * Opens a key of a backup in a token and uses it: what comes out has to fit what the log in the
 * backup says of the key. Nothing of it leaves the keeper.
 */
struct drill_try;

enum drill_result {
    DRILL_GOOD,
    DRILL_PASSED_OVER, /* it is destroyed or compromised since, or somebody uses it just now */
    DRILL_BAD,         /* the token does not open it, or it is another key */
    DRILL_GONE         /* the token went away */
};

/* Called once, unless there is an error, and perhaps before drill_try_begin returns. */
typedef void drill_try_fn(void *context, enum drill_result result, const char *why);

/*
 * In a token that holds the version of the wrapping keys which the backup's record is under, and
 * better in one that the appliance does not need otherwise.
 * Errors: PS_E_INPUT (the backup's rows are none), PS_E_TOKEN (no such token is there),
 *         PS_E_NO_MEMORY, the channel's
 */
PS_MUST_USE enum ps_err drill_try_begin(const struct keeper *keeper, const struct drilled_key *key,
                                        drill_try_fn *fn, void *context,
                                        struct drill_try **ret_try);

/* Which one, and whether the wrapping keys have another one for their own. NULL: none was asked. */
const struct token *drill_try_token(const struct drill_try *attempt, bool *ret_is_other);

/* Destroyed or compromised since, as far as it is known without reading: it would be passed over.
 */
bool drill_try_is_over(const struct keeper *keeper, struct ps_bytes name, uint32_t number);

/* Not while the token has yet to answer: it has the key open no more. */
void drill_try_end(struct drill_try *attempt);
void drill_try_free(struct drill_try *attempt); /* the same, when there are no tokens any more */

#endif
