#ifndef CEREMONY_CUSTODY_PIN_CHECK_H
#define CEREMONY_CUSTODY_PIN_CHECK_H

#include "lib/base/bytes.h"
#include "lib/base/err.h"

/*
 * By which a PIN is recognised without trying it at the token: a salted scrypt value (RFC 7914;
 * N = 2^15, r = 8, p = 1: 32 MiB and about 0.1 s), good for nothing else.
 */
enum { PIN_CHECK_SALT = 16, PIN_CHECK_VALUE = 32 };

struct pin_check {
    uint8_t salt[PIN_CHECK_SALT];
    uint8_t value[PIN_CHECK_VALUE];
};

/* Errors: PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err pin_check_make(struct ps_bytes pin, struct pin_check *ret_check);

/* Errors: PS_E_DENIED: it is another PIN. PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err pin_check_compare(const struct pin_check *check, struct ps_bytes pin);

#endif
