#ifndef PKCS11_GENERATE_H
#define PKCS11_GENERATE_H

#include "pkcs11/admin.h"

/*
 * msg_token_generate: makes a key or key pair with full templates, reads it back and compares, and
 * signs once with it. A key that is not exactly what was asked for is destroyed again.
 */
admin_fn generate_key;

#endif
