#ifndef KEYSTORE_SIGNING_SIGNER_H
#define KEYSTORE_SIGNING_SIGNER_H

#include "keystore/internal.h"

struct x509_crl;

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
void signer_sign_sd_jwt(struct signer *signer, const struct reply_to *to,
                        const struct msg_sd_jwt_sign *message);
/* A revocation list, which crls_take gets when it is signed and recorded. */
void signer_sign_crl(struct signer *signer, const struct key_version *version,
                     const struct x509_crl *list);
void signer_issue_x509(struct signer *signer, const struct reply_to *to,
                       const struct msg_x509_issue *message);
void signer_sign_raw(struct signer *signer, const struct reply_to *to,
                     const struct msg_raw_sign *message);
void signer_sign_cms(struct signer *signer, const struct reply_to *to,
                     const struct msg_cms_sign *message);
void signer_sign_data_integrity(struct signer *signer, const struct reply_to *to,
                                const struct msg_data_integrity_sign *message);
void signer_sign_cose(struct signer *signer, const struct reply_to *to,
                      const struct msg_cose_sign *message);
void signer_sign_cwt(struct signer *signer, const struct reply_to *to,
                     const struct msg_cwt_sign *message);
void signer_decrypt_jwe(struct signer *signer, const struct reply_to *to,
                        const struct msg_jwe_decrypt *message);

/* MACs, encryption and decryption: mac.c, encrypt.c, decrypt.c. */
void signer_use_key(struct signer *signer, const struct reply_to *to,
                    const struct msg_key_use *message);

/* Encryptions of this version were reserved, or (`is_durable` false) could not be. */
void signer_reserved(struct signer *signer, struct key_version *version, bool is_durable);

/* What a CMS signature would be made with; nothing is signed. */
void signer_find_cms(struct signer *signer, const struct reply_to *to,
                     const struct msg_cms_signer *message);

/* A token process can take more, or the token came back. */
void signer_dispatch(struct signer *signer, struct token *token);

/* Some times a second: sends what may be sent, ends what took too long. */
void signer_tick(struct signer *signer);

/* Requests that are not answered yet. */
size_t signer_count(const struct signer *signer);

/* All that were begun since the start. */
uint64_t signer_begun(const struct signer *signer);

/* Waiting for a token; 0 when the token has no queue. */
size_t signer_waiting(const struct token *token);

#endif
