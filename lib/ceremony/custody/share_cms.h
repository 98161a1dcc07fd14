#ifndef CEREMONY_CUSTODY_SHARE_CMS_H
#define CEREMONY_CUSTODY_SHARE_CMS_H

#include "lib/base/buf.h"
#include "lib/base/secret.h"

/*
 * A share sealed to one officer: CMS AuthEnvelopedData (RFC 5083) with AES-256-GCM, to the key of a
 * certificate, by RSA-OAEP with SHA-256 or by ECDH with a KDF of SHA-256 and AES-256 key wrap
 * (RFC 5753). So that a smart card opens it, with nothing but OpenSSL: openssl cms -decrypt.
 */
enum {
    CMS_RECIPIENT_MAX = 4096, /* octets of an officer's certificate */
    CMS_SEALED_MAX = 3072,    /* of what is sealed to one, in DER */
    CMS_CONTENT_MAX = 1024,
    OFFICER_KEY_LEN = 32, /* the private key of officer_key_make: a scalar of P-256 */
};

/*
 * Errors: PS_E_INPUT: no certificate in DER, or its key is neither RSA of 2048 to 4096 bits nor on
 * P-256 or P-384, or its key usage does not have it encrypt.
 */
PS_MUST_USE enum ps_err cms_check_recipient(struct ps_bytes certificate);

/* `out`: DER. Errors: as above; PS_E_INTERNAL, the buffer's. */
PS_MUST_USE enum ps_err cms_seal(struct ps_bytes certificate, struct ps_bytes content,
                                 struct ps_buf *out);

/*
 * Opens, with the private key of officer_key_make. `sealed`: DER, or PEM of the label CMS.
 * `out`: has to be wiped.
 * Errors: PS_E_INPUT: no such CMS; PS_E_DENIED: not sealed to this key, or damaged.
 */
PS_MUST_USE enum ps_err cms_open(struct ps_bytes sealed, struct ps_bytes key, struct ps_buf *out);

/* PEM of what cms_seal made. */
void cms_put_pem(struct ps_bytes der, struct ps_buf *out);

/*
 * A new key pair on P-256 of an officer who has no smart card, and a certificate for its public
 * half, signed by itself, which serves as the address and says nothing else.
 *
 * ret_key:     OFFICER_KEY_LEN octets, secret
 * certificate: gets DER
 * Errors: PS_E_INPUT (no name), PS_E_INTERNAL, the buffer's
 */
PS_MUST_USE enum ps_err officer_key_make(struct ps_bytes officer, uint64_t now_s,
                                         struct ps_secret **ret_key, struct ps_buf *certificate);

#endif
