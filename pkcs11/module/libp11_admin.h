#ifndef PKCS11_MODULE_LIBP11_ADMIN_H
#define PKCS11_MODULE_LIBP11_ADMIN_H

#include "pkcs11/module/admin.h"

/*
 * What libp11 does for us: msg_token_initialise, msg_token_certificate_put and
 * msg_token_certificate_get. Keys, sessions and logins never go through it.
 */
admin_fn libp11_initialise;
admin_fn libp11_put_certificate;
admin_fn libp11_get_certificate;

#endif
