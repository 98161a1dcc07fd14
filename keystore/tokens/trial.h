#ifndef KEYSTORE_TOKENS_TRIAL_H
#define KEYSTORE_TOKENS_TRIAL_H

#include "keystore/tokens/tokens.h"
#include "lib/formats/public_key/public_key.h"

/*
 * Tries a key that makes no signatures with something of no meaning: what is encrypted to its
 * public half, or by the token itself, has to come back; a MAC has to come twice. What a secret key
 * made of it is its check value from then on.
 */
struct trial_spec {
    struct token_place place;
    struct ps_bytes object_id; /* copied */
    enum ps_key_type type;
    const struct public_key *public_key; /* NULL for secret keys; needed during the call only */
    struct ps_bytes record; /* of a wrapped key, else empty; of a secret key needed to the end */
};

enum trial_result {
    TRIAL_GOOD,
    TRIAL_WRONG,   /* the token answered, and wrongly */
    TRIAL_REFUSED, /* it did not do it: `answer` says why */
    TRIAL_GONE     /* the process went away */
};

/* `answer`: the last of the token; its octets are valid during the call. */
typedef void trial_fn(void *context, enum trial_result result, const struct token_answer *answer);

/* One trial; the caller's memory, which it keeps until `fn` is called. */
struct trial {
    struct token_place place;
    uint8_t object_id[IPC_OBJECT_ID_MAX];
    size_t object_id_len;
    enum ps_key_type type;
    struct ps_bytes record;
    trial_fn *fn;
    void *context;
    uint8_t expected[PUBLIC_KEY_Z_MAX];
    size_t expected_len;
    uint8_t check[TOKEN_CHECK_MAX];
    size_t check_len;
};

/* Of a secret key that was tried and found good; else empty. */
static inline struct ps_bytes trial_check_value(const struct trial *trial)
{
    return ps_bytes(trial->check, trial->check_len);
}

/* `fn` is called once, unless there is an error: those of tokens_call_at, PS_E_INTERNAL. */
PS_MUST_USE enum ps_err trial_begin(struct trial *trial, const struct trial_spec *spec,
                                    trial_fn *fn, void *context);

/*
 * What a secret key is asked so that it shows its check value, with nothing encrypted or made anew.
 * message: gets action, type, data and check, which it borrows. Errors: PS_E_INPUT (there is none)
 */
PS_MUST_USE enum ps_err trial_ask_check(enum ps_key_type type, struct ps_bytes check,
                                        struct msg_token_use *message);

#endif
