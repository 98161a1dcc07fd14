#ifndef FRONTENDS_SHARED_JWKS_H
#define FRONTENDS_SHARED_JWKS_H

#include "frontends/shared/calls.h"
#include "lib/http/request.h"

/*
 * The appliance's public keys, kept for a while. What is told to relying parties is never older
 * than the appliance's own max-age allows (`fresh_s` and JWKS_MAX_AGE_S), unless the appliance is
 * away: then nothing is signed, and what was signed before can still be verified for JWKS_KEPT_S.
 */
struct jwks;

#define JWKS_MAX_AGE_S 60u
#define JWKS_KEPT_S    3600u

struct jwks_options {
    const char *set;  /* stays valid; "": the default one */
    uint64_t fresh_s; /* how long an answer is told without asking again */
    /* Names of keys that stand in no set, a line each, and that `convert` needs; NULL: none. */
    enum ps_err (*put_names)(void *context, struct ps_buf *names);
    /*
     * What is told instead of the set, made of it; NULL: the set itself. Errors: PS_E_INPUT, ...
     * keys: a JSON array of what the appliance says of each of those names that it knows
     */
    enum ps_err (*convert)(void *context, struct ps_bytes set, struct ps_bytes keys,
                           struct ps_buf *out);
    void *context;
};
PS_MUST_USE enum ps_err jwks_new(struct calls *calls, const struct jwks_options *options,
                                 struct jwks **ret_jwks);

/* After calls_free. */
void jwks_free(struct jwks *jwks);

/* What waits for the appliance, linked through its owner's memory. */
struct jwks_wait {
    struct http_request *request; /* of jwks_answer; NULL: of jwks_ask */
    void (*asked)(void *context, bool is_here);
    void *context;
    struct jwks_wait *next;
};

/* Answers the request, now or later; `wait` is memory of the request. */
void jwks_answer(struct jwks *jwks, struct http_request *request, struct jwks_wait *wait);

/* The next request has the appliance asked, however young the copy is. */
void jwks_expire(struct jwks *jwks);

/*
 * Calls asked(context, whether the appliance is here), now or later. It is if it has told its keys
 * within `fresh_s`, or else tells them now.
 */
void jwks_ask(struct jwks *jwks, struct jwks_wait *wait, void (*asked)(void *context, bool is_here),
              void *context);

/* Whether there are keys to be told. */
bool jwks_is_there(const struct jwks *jwks);

#endif
