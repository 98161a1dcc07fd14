#ifndef FRONTENDS_PLUGINS_REGISTRY_ATTEMPTS_H
#define FRONTENDS_PLUGINS_REGISTRY_ATTEMPTS_H

#include "lib/db/db.h"

/* How often something was tried for one person, from one source and from all together. */
enum attempt_kind { ATTEMPT_OTP = 1, ATTEMPT_LOGIN = 2 };

struct attempt_limit {
    enum attempt_kind kind;
    uint64_t window_s;
    uint64_t per_source;
    uint64_t per_person;
};

/*
 * Counts one more, in the caller's transaction, before it is known how it ends, so that many at
 * once are not more. Where the source is empty only what all have together is bounded.
 *
 * person: whose, or whatever was given for one
 * Errors: PS_E_LIMIT: too many already, and this one was not counted
 */
PS_MUST_USE enum ps_err attempts_take(struct db *db, const struct attempt_limit *limit,
                                      struct ps_bytes person, struct ps_bytes source,
                                      uint64_t now_s);

/* Forgets those of one source, which was the person. */
PS_MUST_USE enum ps_err attempts_forget(struct db *db, enum attempt_kind kind,
                                        struct ps_bytes person, struct ps_bytes source);

#endif
