#ifndef PKCS11_MODULE_STORE_LOCK_H
#define PKCS11_MODULE_STORE_LOCK_H

#include "lib/base/bytes.h"
#include "lib/base/compiler.h"

/*
 * A soft token's store is shared by our processes, and the module may not mind that: while one
 * process logs in to SoftHSM 2.6.1, others read CKR_GENERAL_ERROR, CKR_USER_PIN_NOT_INITIALIZED or
 * a token without a label; and of two processes that write objects at the same time one does not
 * see what the other wrote, or only half of it, until it is started anew. So they keep out of each
 * other's way with flock(2) on its directory. Whoever writes an object looks for objects first,
 * while it holds the lock: the module would take what others wrote before as known otherwise.
 * Signing with a handle needs no lock.
 *
 * Not taken twice by one thread, but for two shared ones: it would wait for itself.
 */

/*
 * Waits half a second at most, and then goes on without it: a process that hangs in the module
 * must not take the others with it.
 *
 * directory: empty: nothing is locked
 * exclusive: for what writes: objects, and the token itself at login and initialisation; shared:
 *            for what looks for objects
 * Returns what store_lock_drop wants.
 */
int store_lock_take(struct ps_bytes directory, bool exclusive);
/* The same with another limit, for who can wait longer or less long. */
int store_lock_take_within(struct ps_bytes directory, bool exclusive, unsigned limit_ms);
/* Whether an exclusive one was had, for what must not be done without it. */
bool store_lock_is_held(int lock);
void store_lock_drop(const int *lock);

#endif
