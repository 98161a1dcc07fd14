#ifndef PKCS11_PINS_SET_PIN_H
#define PKCS11_PINS_SET_PIN_H

#include "pkcs11/module/admin.h"

/*
 * msg_token_set_pin. By C_SetPIN itself: libp11 would keep a copy of both PINs in the plain heap.
 * Errors: also PS_E_DENIED: the token says that the PIN it was given is not its own.
 */
admin_fn set_pin;

#endif
