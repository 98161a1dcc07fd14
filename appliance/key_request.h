#ifndef APPLIANCE_KEY_REQUEST_H
#define APPLIANCE_KEY_REQUEST_H

#include "lib/formats/x509/csr.h"

#include <openssl/types.h>

/*
 * Requests for certificates (PKCS #10) of keys in files, as listeners and clients of TLS have
 * them; they are of P-256, as key_file_obtain makes them. `path` is for the errors alone.
 *
 * out:    appends DER, X509_CSR_MAX octets at most
 * Errors: PS_E_INPUT (a key of another kind, or names that none can have), PS_E_INTERNAL
 */
PS_MUST_USE enum ps_err key_request_put(EVP_PKEY *key, const char *path,
                                        const struct x509_subject *subject,
                                        const struct x509_sans *sans, struct ps_buf *out);

/* Its public key (SubjectPublicKeyInfo), DER. Errors: as above. */
#define KEY_REQUEST_SPKI_MAX 256u
PS_MUST_USE enum ps_err key_request_put_spki(const EVP_PKEY *key, const char *path,
                                             struct ps_buf *out);

/*
 * What a client is registered by: SHA-256 of that public key in base64url.
 * Errors: as above.
 */
PS_MUST_USE enum ps_err key_request_put_pin(const EVP_PKEY *key, const char *path,
                                            struct ps_buf *out);

#endif
