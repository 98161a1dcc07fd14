#ifndef PKCS11_PINS_SO_LOGIN_H
#define PKCS11_PINS_SO_LOGIN_H

#include "pkcs11/module/session.h"

/*
 * The security officer, for so long as something takes. PKCS#11 knows one login for all sessions of
 * an application: the user is logged out before it (v3.1 section 5.6.6, C_Login), so that whoever
 * calls this reopens all sessions of the process afterwards, and has the store's lock, exclusive:
 * `lock`, as store_lock_take gave it.
 *
 * Errors of so_begin: PS_E_DENIED with the fault FAULT_PIN (the SO PIN is wrong, was tried once and
 * is never to be tried again), PS_E_INPUT (its length), PS_E_TOKEN, PS_E_BUSY, those of
 * store_copy_keep. Nobody is logged in then.
 */
PS_MUST_USE enum ps_err so_begin(struct session *session, struct ps_bytes so_pin, int lock);
void so_end(struct session *session);

/* Whether so_begin failed for the PIN. */
bool so_was_refused(const struct session *session, enum ps_err err);

/* A PIN that the token's profile takes. Errors: PS_E_INPUT. */
PS_MUST_USE enum ps_err pin_check_length(const struct profile *profile, struct ps_bytes pin);

static inline CK_UTF8CHAR_PTR pin_octets(struct ps_bytes pin)
{
    return (CK_UTF8CHAR_PTR)(uintptr_t)pin.data;
}

#endif
