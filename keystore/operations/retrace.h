#ifndef KEYSTORE_OPERATIONS_RETRACE_H
#define KEYSTORE_OPERATIONS_RETRACE_H

#include "keystore/events/past.h"
#include "keystore/gate/recall.h"
#include "keystore/operations/make.h"
#include "lib/formats/public_key/public_key.h"

/*
 * What the log says was begun and done, where no signed checkpoint vouches for it, is done once
 * more in memory, by what executes the type and with everything as it was then. Of that only the
 * public keys which a token made, and check values, cannot be known: they are taken from the leaf,
 * and nobody is given them before the token has shown that it has them (unproven.c).
 */

/* The key that a leaf says was made under an object's id. */
struct retraced_key {
    struct made made;
    uint8_t spki[KEY_PUBLIC_MAX];
    char kid[KEY_KID_MAX + 1];
    uint8_t check[KEY_CHECK_MAX];
};

/*
 * For `rows` of the types that make keys. Errors: PS_E_NOT_FOUND (the leaf names none), PS_E_INPUT
 * (a key of another type, or none).
 */
PS_MUST_USE enum ps_err retrace_take_made(const struct operation *op, enum ps_key_type type,
                                          const struct object *object,
                                          struct retraced_key *ret_key);

/* When the rows are made, in seconds since 1970: for `rows`, and nothing else. */
uint64_t retrace_now_s(const struct operation *op);

/* --- schedule.c --- */
/* Whether the policy of the key would have the appliance do this by itself at that time. */
bool schedule_has(const struct operation *op, uint64_t now_s);

#endif
