#ifndef PKCS11_OBJECTS_SPKI_H
#define PKCS11_OBJECTS_SPKI_H

#include "pkcs11/objects/object.h"

/*
 * Appends the SubjectPublicKeyInfo (DER, RFC 5280 section 4.1.2.7) of a public key object. The key
 * is what `type` says and OpenSSL finds it sound: a point on its curve, a modulus of the right
 * length with the exponent 65537.
 * Errors: PS_E_TOKEN (what the token shows is no such key), PS_E_NOT_FOUND, PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err spki_read(struct session *session, CK_OBJECT_HANDLE handle,
                                  enum ps_key_type type, struct ps_buf *out);

/*
 * Signs random octets with the new private key and verifies that with the public one, so that a
 * pair that does not belong together is found before anything is built on it. The signature is
 * thrown away.
 * Errors: PS_E_TOKEN and those of use_run
 */
PS_MUST_USE enum ps_err spki_check_pair(struct session *session, struct ps_bytes spki,
                                        CK_OBJECT_HANDLE handle, enum ps_alg alg,
                                        enum ps_key_type type);

#endif
