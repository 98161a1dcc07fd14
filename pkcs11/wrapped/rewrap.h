#ifndef PKCS11_WRAPPED_REWRAP_H
#define PKCS11_WRAPPED_REWRAP_H

#include "pkcs11/module/admin.h"

/*
 * Wrapped keys are wrapped anew, under another key. What the wrapping key opens cannot be wrapped:
 * its own template says so. So the token makes itself a copy of it, for as long as the session
 * lasts, which only opens, and whose template lets be wrapped what it has opened. It comes by the
 * way on which the key is carried to another token (carry.h), so that the security officer has let
 * it.
 *
 * wrapped_rewrap_begin: makes the copy.
 * wrapped_rewrap: one key; nothing of it stays open in the process.
 * Source: PKCS#11 v3.1, section 4.9 (CKA_UNWRAP_TEMPLATE), C_UnwrapKey, C_WrapKey
 */
admin_fn wrapped_rewrap_begin;
admin_fn wrapped_rewrap;

#endif
