#ifndef PKCS11_USE_ECDSA_FORM_H
#define PKCS11_USE_ECDSA_FORM_H

#include "lib/base/err.h"

#include <stdint.h>

/*
 * The two forms of an ECDSA signature: R || S with both halves of the field's length (PKCS#11 v3.1,
 * section 6.3.1), and X9.62's DER, which some tokens answer with and OpenSSL verifies.
 */

/*
 * Turns DER into R || S in place; `signature` has room for 2 * coordinate octets.
 * Errors: PS_E_INPUT (not DER, octets left over, a half that is negative or too long)
 */
PS_MUST_USE enum ps_err ecdsa_form_to_raw(uint8_t *signature, size_t len, size_t coordinate,
                                          size_t *ret_len);

/* Errors: PS_E_INPUT, PS_E_NO_MEMORY. `ret_der` has room for `room` octets. */
PS_MUST_USE enum ps_err ecdsa_form_to_der(const uint8_t *raw, size_t coordinate, uint8_t *ret_der,
                                          size_t room, size_t *ret_len);

#endif
