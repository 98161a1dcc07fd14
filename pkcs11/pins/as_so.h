#ifndef PKCS11_PINS_AS_SO_H
#define PKCS11_PINS_AS_SO_H

#include "pkcs11/module/admin.h"

/*
 * msg_token_so: what only the security officer may do to PINs. By C_SetPIN and C_InitPIN
 * themselves: libp11 would keep copies of PINs in the plain heap. Whatever it answers, the sessions
 * of the process are to be made anew.
 */
admin_fn as_so;

#endif
