#ifndef KEYSTORE_CALLERS_WHY_H
#define KEYSTORE_CALLERS_WHY_H

#include "keystore/internal.h"

/*
 * The last decisions, for GET /v1/why/{request id}: a ring in memory. Nothing of a payload is in
 * it.
 */
PS_MUST_USE enum ps_err why_new(struct why **ret_why);
void why_free(struct why *why);
PS_DEFINE_CLEANUP(struct why, why_free)

struct decision {
    struct ps_bytes request_id;
    struct ps_bytes client;
    struct ps_bytes key;
    const char *operation;
    const char *rule; /* static */
    enum ps_problem problem;
};
void why_note(struct why *why, const struct decision *decision);

/* The result of a request that had been allowed; it stands with its decision. */
void why_note_end(struct why *why, struct ps_bytes request_id, enum ps_problem problem,
                  const char *detail);

/* JSON of what is known of a request id. Errors: PS_E_NOT_FOUND. */
PS_MUST_USE enum ps_err why_put(const struct why *why, struct ps_bytes request_id,
                                struct ps_buf *out);

#endif
