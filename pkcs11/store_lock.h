#ifndef PKCS11_STORE_LOCK_H
#define PKCS11_STORE_LOCK_H

#include "lib/base/bytes.h"
#include "lib/base/compiler.h"

/*
 * A soft token's store is shared by our processes, and the module may not mind that: while one
 * process logs in to SoftHSM 2.6.1, others read CKR_GENERAL_ERROR, CKR_USER_PIN_NOT_INITIALIZED or
 * a token without a label. So they keep out of each other's way with flock(2) on its directory.
 */

/*
 * Waits half a second at most, and then goes on without it: a process that hangs in the module
 * must not take the others with it.
 *
 * directory: empty: nothing is locked
 * exclusive: for what writes the token itself: login, initialisation
 * Returns what store_lock_drop wants.
 */
int store_lock_take(struct ps_bytes directory, bool exclusive);
void store_lock_drop(const int *lock);

#endif
