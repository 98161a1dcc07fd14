#ifndef KEYSTORE_OPERATIONS_CUSTODY_TRANSPORT_H
#define KEYSTORE_OPERATIONS_CUSTODY_TRANSPORT_H

#include "keystore/operations/internal.h"

/* The pair under which the keys that wrap are carried: made in the token that they go to. */
#define TRANSPORT_KEY_NAME "privyseal.transport"

/* The one that is there; NULL: none is prepared. */
const struct key_version *transport_version(const struct keeper *keeper);

/* How it is made. */
struct make_spec transport_spec(const struct operation *op);

/*
 * Whether the token may be asked to give its keys away: it is logged in, and its security officer's
 * PIN is at hand (so_pin_will_do). False: the operation was refused.
 */
bool transport_has_pins(struct operation *op, struct ps_bytes token);

/* SHA-256 of its SubjectPublicKeyInfo, in hexadecimal digits: what people compare. */
void transport_fingerprint(const struct key_version *version, char out[2 * PS_SHA256_LEN + 1]);

#endif
