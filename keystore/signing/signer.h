#ifndef KEYSTORE_SIGNING_SIGNER_H
#define KEYSTORE_SIGNING_SIGNER_H

#include "keystore/internal.h"

/*
 * The signing path: from a request of an api process to its answer. A request is checked, what is
 * signed is built here, it waits its turn, a token process signs, the signature is verified, its
 * leaf is recorded, and the answer leaves when the leaf is durable.
 */
PS_MUST_USE enum ps_err signer_new(struct keeper *keeper, struct signer **ret_signer);
void signer_free(struct signer *signer);
PS_DEFINE_CLEANUP(struct signer, signer_free)

/* Each is answered exactly once, now or later. */
void signer_sign_jws(struct signer *signer, const struct reply_to *to,
                     const struct msg_jws_sign *message);
void signer_sign_jwt(struct signer *signer, const struct reply_to *to,
                     const struct msg_jwt_sign *message);
void signer_sign_raw(struct signer *signer, const struct reply_to *to,
                     const struct msg_raw_sign *message);

/* A token process can take more, or the token came back. */
void signer_dispatch(struct signer *signer, struct token *token);

/* Some times a second: sends what may be sent, ends what took too long. */
void signer_tick(struct signer *signer);

/* Requests that are not answered yet. */
size_t signer_count(const struct signer *signer);

/* Waiting for a token; 0 when the token has no queue. */
size_t signer_waiting(const struct token *token);

#endif
