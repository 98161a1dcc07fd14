#ifndef KEYSTORE_SIGNING_STEPS_H
#define KEYSTORE_SIGNING_STEPS_H

#include "keystore/signing/internal.h"

/* What happens to a request, in this order. */

/* What a request asks for, whatever its format. */
struct wish {
    const struct msg_caller *caller;
    enum granted_op operation;
    struct ps_bytes request_id;
    struct ps_bytes key;
    struct ps_bytes algorithm;
    enum ps_format format;
    uint32_t version; /* 0: the active one */
};

/*
 * admit.c: checks all that can be checked before the token is asked, and fills the request: caller,
 * key, version, algorithm. *ret_answer says why not.
 */
bool admit(struct sign_request *request, const struct wish *wish,
           struct problem_answer *ret_answer);
/* Whether it may still be released: key, version and grants as they are now. */
bool admit_again(struct sign_request *request, struct problem_answer *ret_answer);
/* What has to be granted for it. */
enum granted_op sign_request_operation(const struct sign_request *request);

/* build.c: what is signed. False: *ret_answer says why not. */
bool build_jws(struct sign_request *request, const struct msg_jws_sign *message,
               struct problem_answer *ret_answer);
bool build_jwt(struct sign_request *request, const struct msg_jwt_sign *message,
               struct problem_answer *ret_answer);
bool build_raw(struct sign_request *request, const struct msg_raw_sign *message,
               struct problem_answer *ret_answer);

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
