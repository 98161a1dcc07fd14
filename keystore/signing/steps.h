#ifndef KEYSTORE_SIGNING_STEPS_H
#define KEYSTORE_SIGNING_STEPS_H

#include "keystore/signing/internal.h"

/* What happens to a request, in this order. */

/* What a request asks for, whatever its format. */
struct wish {
    const struct msg_caller *caller;
    struct ps_bytes request_id;
    struct ps_bytes key;
    struct ps_bytes parameter; /* of the operation, where it is granted with one */
    struct ps_bytes algorithm;
    uint32_t version;    /* 0: the active one */
    struct ps_bytes kid; /* without a version: the one that it names, if it names any */
    bool is_look;        /* not counted as a use: another request follows that is */
};

/*
 * admit.c: checks all that can be checked before the token is asked, and fills the request: caller,
 * key, version, algorithm. *ret_answer says why not.
 */
bool admit(struct sign_request *request, const struct wish *wish,
           struct problem_answer *ret_answer);
/* The same of what the appliance does by itself: its kind needs no grant. name: of the caller. */
bool admit_own(struct sign_request *request, const struct wish *wish, const char *name,
               struct problem_answer *ret_answer);
/* Whether it may still be released: key, version and grants as they are now. */
bool admit_again(struct sign_request *request, struct problem_answer *ret_answer);

/*
 * signer.c: how every kind's function goes. It begins and admits what is wished, puts together what
 * the token gets, and sends that, or refuses with the answer why it could not be put together.
 */
/* A new request, admitted. NULL: it is answered. */
struct sign_request *sign_request_admit(struct signer *signer, const struct reply_to *to,
                                        const struct sign_kind *kind, const struct wish *wish);
void sign_request_send(struct sign_request *request, bool is_built,
                       const struct problem_answer *answer);
/* Both, for whom the message is all that it takes to put together what the token gets. */
typedef bool sign_build_fn(struct sign_request *request, const void *message,
                           struct problem_answer *ret_answer);
void sign_request_serve(struct signer *signer, const struct reply_to *to,
                        const struct sign_kind *kind, const struct wish *wish, sign_build_fn *build,
                        const void *message);
/* A new request for who admits it in another way. False: it is answered. */
bool sign_request_begin(struct signer *signer, const struct reply_to *to,
                        const struct sign_kind *kind, struct sign_request **ret_request);

/*
 * build.c: from what is to be signed (request->input; its first header_len octets are in the
 * answer) to what the token gets. False: *ret_answer says why not.
 */
bool build_digest(struct sign_request *request, struct problem_answer *ret_answer);
/* The same for a use that is no signature, when what goes to the token was put together. */
bool build_use(struct sign_request *request, struct problem_answer *ret_answer);
/* Both fill *ret_answer and are false. */
bool build_refuse(struct problem_answer *ret_answer, enum ps_problem problem, const char *detail);
/* Of a function of lib/formats: its detail names the member. */
bool build_refuse_error(struct problem_answer *ret_answer, enum ps_err err);

/*
 * build.c: the certificate that a header may carry. False: the version has none, or none that
 * anybody could verify with now.
 */
bool build_certificate(const struct sign_request *request,
                       const struct key_certificate **ret_certificate,
                       struct problem_answer *ret_answer);

/* raw.c: answers with the signature as octets, in DER if the request wants it. */
void raw_put_answer(const struct sign_request *request);

/*
 * use.c: what a token does with a key beside signing. A kind with `take` is admitted as any other,
 * fills the request by one of the first three and build_use, and dispatch_enqueue sends it. What
 * comes of it, a secret of this one message, is in the memory of the keeper only and is wiped.
 *
 * Whatever cannot be opened takes one way and one time: what no key of this length could open, or
 * no point of the curve, has something else sent in its place, and `take` gets NULL for it; what
 * `take` cannot open is answered like it.
 */
/* sealed: ciphertext of RSA-OAEP-256 from outside; any length. */
void use_decrypt_oaep(struct sign_request *request, struct ps_bytes sealed);
/* point: X || Y from outside, perhaps no point at all. `take` gets Z, the x coordinate. */
void use_derive_ecdh(struct sign_request *request, struct ps_bytes point);
/* data, and for AES-GCM request->associated and nonce: filled by the caller. */
void use_octets(struct sign_request *request, enum token_action action, struct ps_bytes data);
/* What goes into the leaf: the SHA-256 of a MAC or ciphertext. */
void use_set_hash(struct sign_request *request, struct ps_bytes octets);
/* The token's answer: yielded (`used`), or nothing that can be opened (NULL). */
void use_take(struct sign_request *request, const struct token_answer *answer);

/* checkup.c: whether the process that could not open it opens anything; now and then. */
void checkup_after(const struct sign_request *request);
void checkups_free(struct signer *signer);

/* encrypt.c: counts an encryption and sends it, as soon as it may be made. */
void encrypt_enqueue(struct sign_request *request);
/* Counts another of the same request. False: it may not be made. */
bool encrypt_count_again(struct sign_request *request);

/* key_use.c: begins and admits what a message asks for. NULL: it is answered. */
struct sign_request *key_use_begin(struct signer *signer, const struct reply_to *to,
                                   const struct sign_kind *kind, const struct msg_key_use *message,
                                   uint32_t version);
void key_use_refuse(struct sign_request *request, enum ps_problem problem, const char *detail);
/* Sends it when it is put together. */
void key_use_send(struct sign_request *request);
void key_use_put_answer(const struct sign_request *request); /* with request->payload */

/* mac.c, encrypt.c, decrypt.c: the verbs of msg_key_use. */
typedef void key_use_fn(struct signer *signer, const struct reply_to *to,
                        const struct msg_key_use *message);
key_use_fn mac_begin, mac_verify_begin, encrypt_begin, decrypt_begin;

/* dispatch.c */
void dispatch_enqueue(struct sign_request *request);
void dispatch_lane(struct signer *signer, struct token *token);

/* verification.c: a signature that came from a token, until it is recorded or refused. */
void verification_begin(struct sign_request *request, const struct token_answer *answer);
void verification_run(void *signer);

/* release.c: appends the leaf of a signature that may leave, and answers when it is durable. */
void release_record(struct sign_request *request);
/* Answers with a problem and gives the request back. */
void sign_request_refuse(struct sign_request *request, const struct problem_answer *answer);
/* The same when the token still works on it or its leaf is being written. */
void sign_request_abandon(struct sign_request *request, const struct problem_answer *answer);
/* Tries once more, elsewhere if there is an elsewhere; or refuses. */
void sign_request_retry(struct sign_request *request);

#endif
