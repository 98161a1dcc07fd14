#ifndef FRONTENDS_OIDC_ATTEMPTS_H
#define FRONTENDS_OIDC_ATTEMPTS_H

#include "frontends/oidc/store.h"

/*
 * How often something may be tried: in one transaction, for one individual from one address, for
 * one individual from wherever, and for whomever from one address. A try is counted before it is
 * made, so that many at once are no way round. Whoever has used up what one address may adds
 * nothing to what all addresses may: from one address nobody is locked out but that address.
 */
enum attempt_kind { ATTEMPT_OTP = 1, ATTEMPT_LOGIN, ATTEMPT_CLAIMS };

struct attempts_limits {
    uint64_t per_transaction;
    uint64_t per_source;
    uint64_t per_individual;
    uint64_t per_address; /* logins alone */
    uint64_t window_s;
};

struct attempt {
    enum attempt_kind kind;
    struct ps_bytes transaction; /* its handle */
    struct ps_bytes individual;  /* empty: none is concerned */
    struct ps_bytes source;      /* where the person is */
    bool has_address;            /* `source` is an address of theirs */
};

struct attempts;

/* limits, store: stay valid */
PS_MUST_USE enum ps_err attempts_new(struct store *store, const struct attempts_limits *limits,
                                     struct attempts **ret_attempts);
void attempts_free(struct attempts *attempts);

/*
 * ret_code: with PS_E_DENIED, as eSignet names it: no_attempts_left, individual_id_blocked
 * Errors: PS_E_DENIED; those of the store
 */
PS_MUST_USE enum ps_err attempts_begin(struct attempts *attempts, const struct attempt *attempt,
                                       uint64_t now_s, const char **ret_code);

/* The individual was who they said, or could not be asked: it counts no more. */
PS_MUST_USE enum ps_err attempts_forgive(struct attempts *attempts, const struct attempt *attempt);

#endif
