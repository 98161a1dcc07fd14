#ifndef KEYSTORE_CALLERS_AUTHORITY_H
#define KEYSTORE_CALLERS_AUTHORITY_H

#include "keystore/internal.h"
#include "keystore/policy/access.h"

/*
 * Who a caller is and whether it may do something: the policy's decision (keystore/policy/), for
 * the channel that the request came on.
 */
struct authority {
    enum ps_problem problem;            /* PS_PROBLEM_NONE: allowed */
    uint32_t retry_after_s;             /* of RATE_LIMITED */
    const char *rule;                   /* its name; static */
    const char *text;                   /* the same as a sentence, for people; static */
    const struct access_client *client; /* NULL: not registered. Valid until clients change */
};

struct question {
    uint8_t role; /* enum ipc_role: of the channel */
    const struct msg_caller *caller;
    enum granted_op operation; /* GRANTED_NONE: only who it is */
    struct ps_bytes key;       /* or empty */
    struct ps_bytes parameter; /* of an operation that is granted with one; else empty */
    enum ps_format format;     /* or PS_FORMAT_NONE */
    bool is_free;              /* does not count against the rate */
    bool is_look;              /* counts, but not as a use: access_take */
};

/* Takes over clients and grants as they are known, in place of those known before. */
PS_MUST_USE enum ps_err authority_load(struct keeper *keeper);

struct authority authority_decide(struct keeper *keeper, const struct question *question);

/*
 * The same for a request; what is decided is remembered for `privyseal why`, and a refusal becomes
 * an event.
 */
struct authority authority_decide_request(struct keeper *keeper, const struct question *question,
                                          struct ps_bytes request_id);

enum access_listener authority_listener(uint8_t role);

/* A Unix peer with one of the configuration's uids of administrators. */
bool authority_is_administrator(const struct keeper *keeper, const struct msg_caller *caller);

static inline struct ps_bytes authority_name(const struct authority *authority)
{
    return authority->client == NULL ? ps_bytes(NULL, 0) : access_client_name(authority->client);
}

#endif
