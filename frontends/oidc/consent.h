#ifndef FRONTENDS_OIDC_CONSENT_H
#define FRONTENDS_OIDC_CONSENT_H

#include "frontends/oidc/transaction.h"

/*
 * What people agreed to tell a relying party: one row for each person there, and a history that is
 * only added to. It is asked for again when something else is wanted, or its time is over.
 */

#define CONSENT_ASK  "CAPTURE"
#define CONSENT_DONE "NOCAPTURE"

/*
 * Sets TRANSACTION_CONSENT_ACTION, and of a consent that is still good TRANSACTION_ACCEPTED,
 * TRANSACTION_PERMITTED and TRANSACTION_CONSENT_END. What is asked for nothing needs none.
 * Errors: those of lib/db and of transaction_set
 */
PS_MUST_USE enum ps_err consent_judge(struct db *db, struct transaction *transaction,
                                      uint64_t now_s);

/*
 * Writes it down, in the caller's transaction. `end_s`: 0: it has none. Errors: those of lib/db.
 */
PS_MUST_USE enum ps_err consent_record(struct db *db, const struct transaction *transaction,
                                       uint64_t now_s, uint64_t end_s);

#endif
