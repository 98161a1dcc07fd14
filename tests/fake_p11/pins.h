#ifndef FAKE_P11_PINS_H
#define FAKE_P11_PINS_H

#include "module.h"
#include "tokenfile.h"

/* PINs as a token checks them: wrong ones count, over all processes, and lock. */

/* Errors: CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKR_USER_PIN_NOT_INITIALIZED, CKR_DEVICE_ERROR */
CK_RV pins_check(struct module *module, unsigned token, enum pin_owner owner, const void *pin,
                 CK_ULONG length);

/* Sets a PIN and forgets the wrong ones. Errors: CKR_PIN_LEN_RANGE, CKR_DEVICE_ERROR */
CK_RV pins_set(struct module *module, unsigned token, enum pin_owner owner, const void *pin,
               CK_ULONG length);

/* Makes a token empty, with a new label. The SO PIN of a token that has one must be given. */
CK_RV pins_init_token(struct module *module, unsigned token, const void *pin, CK_ULONG length,
                      const unsigned char label[32]);

bool pins_locked(struct module *module, unsigned token, const struct token_file *file,
                 enum pin_owner owner);

#endif
