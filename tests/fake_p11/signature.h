#ifndef FAKE_P11_SIGNATURE_H
#define FAKE_P11_SIGNATURE_H

#include "operation.h"

/* Signatures and MACs, in the forms of PKCS#11. */

#define SIGNATURE_MAX 512

/* Makes or readies the contexts. Errors: CKR_FUNCTION_FAILED, CKR_HOST_MEMORY */
CK_RV signature_prepare(struct operation *operation, bool signing);

/* The exact length of a signature. */
CK_ULONG signature_length(const struct operation *operation);

/* Whether C_SignUpdate and C_VerifyUpdate work. */
bool signature_takes_parts(const struct operation *operation);
CK_RV signature_update(struct operation *operation, const unsigned char *data, CK_ULONG length);

/* In one part, or of the parts with data NULL; `signature` has signature_length octets.
 * Errors: CKR_DATA_LEN_RANGE, CKR_FUNCTION_FAILED */
CK_RV signature_make(struct operation *operation, const unsigned char *data, CK_ULONG length,
                     unsigned char *signature);

/* Errors: also CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE */
CK_RV signature_check(struct operation *operation, const unsigned char *data, CK_ULONG length,
                      const unsigned char *signature, CK_ULONG signature_size);

#endif
