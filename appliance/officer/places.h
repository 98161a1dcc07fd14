#ifndef APPLIANCE_OFFICER_PLACES_H
#define APPLIANCE_OFFICER_PLACES_H

#include "lib/base/buf.h"

#define PLACE_MAX 1024u

/*
 * Where something that belongs to a document goes: FILE.WHAT.NAME.ENDING.
 *
 * name:   of the signer, 1 to 64 of a-z A-Z 0-9 . _ - @ +; NULL: as the file `key` is called
 * Errors: PS_E_INPUT (no such name, too long), PS_E_CONFLICT (there is something already)
 */
struct place {
    const char *document;
    const char *what;
    const char *name;
    const char *key;
    const char *ending;
};
PS_MUST_USE enum ps_err place_choose(const struct place *place, char ret_path[PLACE_MAX]);

/* The public key's file: KEY.pub, or KEY itself where it ends so. Errors: PS_E_INPUT. */
PS_MUST_USE enum ps_err place_of_public_key(const char *key, char ret_path[PLACE_MAX]);

#endif
