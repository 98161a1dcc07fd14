#ifndef PKCS11_USE_USE_H
#define PKCS11_USE_USE_H

#include "lib/ipc/messages_token.h"
#include "pkcs11/use/mechanism.h"
#include "pkcs11/wrapped/record.h"

/*
 * One use of a key, a signature or another action: what is asked for, and what came of it. Whoever
 * runs it touches nothing else, so that it may be done by any thread that has a session.
 */
struct use_task {
    struct ps_bytes id;
    struct ps_bytes data;
    struct ps_bytes associated;     /* of AES-GCM */
    uint8_t nonce[TOKEN_GCM_NONCE]; /* the same; in or out */
    size_t nonce_len;
    struct ps_bytes serial; /* of the token, for session_explain */
    enum ps_key_type type;
    enum ps_alg alg;                 /* of a signature; PS_ALG_NONE: `action` says what is done */
    enum token_action action;        /* of what is no signature */
    CK_OBJECT_HANDLE handle;         /* CK_INVALID_HANDLE: search for the id first */
    bool searched;                   /* out: `handle` was found anew, or (invalid) was not found */
    bool is_wrapped;                 /* it is nowhere in the token: the record is opened instead */
    struct ps_bytes record;          /* of a wrapped key; may be left out if the handle is known */
    struct wrapped_handles wrapping; /* of the keys that open it; CK_INVALID_HANDLE: not known */
    CK_OBJECT_HANDLE superfluous;    /* an object to be destroyed before another is made */
    bool unwrapped;                  /* out: the record was opened */
    struct ps_bytes check;           /* of a secret key: its check value; empty: none is known */
    bool is_checked;                 /* and out: the key of `handle` has shown it */
    bool is_wrong; /* out, with err: it is another key, or does not open what it encrypts */
    enum ps_err err;
    struct fault fault; /* with err: what the module answered; FAULT_NONE: it was not asked */
    uint32_t micros;    /* inside the module */
    uint8_t *out;       /* the result: in `room`, or allocated where it is longer */
    size_t out_len;
    size_t out_room;
    uint8_t room[PS_SIGNATURE_MAX + OBJECT_GUARD];
};

/*
 * Does it; the result stands in the task until use_clear. A dead handle is searched for by its id
 * and a session with an operation left over replaced, each once.
 *
 * task->err: PS_OK, PS_E_STATE (a record that the token did not make), PS_E_INPUT (also: cannot be
 * opened, whatever the reason), PS_E_DENIED (the key does not do this), PS_E_NOT_FOUND,
 * PS_E_CONFLICT (several keys have the id), PS_E_BUSY, PS_E_TOKEN, PS_E_NO_MEMORY, PS_E_INTERNAL;
 * ps_detail() says more
 */
void use_run(struct session *session, struct use_task *task);

/* Wipes what is secret in it and frees what use_run allocated. */
void use_clear(struct use_task *task);

/* --- For the files that do one thing each --- */

/* Functions that take all the octets at once come as a pair; both have one type in PKCS#11. */
struct use_call {
    enum operation operation;
    CK_C_SignInit init;
    CK_C_Sign run;
    const char *init_name;
    const char *run_name;
};

/*
 * Calls both for `in`; the result, at most `most` octets, is in task->out.
 * A module that writes past the room it was given ends the process.
 * Errors: those of the calls; PS_E_TOKEN (a length that cannot be), PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err use_call(struct session *session, const struct use_call *call,
                                 CK_MECHANISM *mechanism, struct ps_bytes in, size_t most,
                                 struct use_task *task);

/* The first mechanism of the profile for this use that is one of `ours`, which ends with 0. */
PS_MUST_USE enum ps_err use_find_mechanism(const struct profile *profile, enum profile_use use,
                                           const CK_MECHANISM_TYPE *ours,
                                           CK_MECHANISM_TYPE *ret_mechanism);

/* What cannot be opened, and why, is the caller's affair: one error for all of it. */
PS_MUST_USE enum ps_err use_fail_open(struct session *session);

/* check_value.c: sets task->is_wrong when it is another key. Errors: those of the calls. */
PS_MUST_USE enum ps_err check_value_test(struct session *session, struct use_task *task);

/* sign.c, decrypt.c, derive.c, gcm.c, mac.c */
PS_MUST_USE enum ps_err action_sign(struct session *session, struct use_task *task);
PS_MUST_USE enum ps_err action_decrypt_oaep(struct session *session, struct use_task *task);
PS_MUST_USE enum ps_err action_derive_ecdh(struct session *session, struct use_task *task);
PS_MUST_USE enum ps_err action_encrypt_gcm(struct session *session, struct use_task *task);
PS_MUST_USE enum ps_err action_decrypt_gcm(struct session *session, struct use_task *task);
PS_MUST_USE enum ps_err action_mac(struct session *session, struct use_task *task);

#endif
