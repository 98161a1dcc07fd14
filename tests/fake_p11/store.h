#ifndef FAKE_P11_STORE_H
#define FAKE_P11_STORE_H

#include "module.h"

/* Token objects: one text file each, in the directory `objects-N` (README.md has the format). */

/* Opens, and makes if missing, the directory of a token's objects; -1 with errno set. */
int store_open(int directory, unsigned token);

/*
 * Makes the table of objects agree with the files: other processes add, change and destroy too.
 * Costs two atomic reads while nothing changed. With `listing` the directory itself is asked
 * too, for a process that was killed between its change and its notice of it.
 */
CK_RV store_sync(struct module *module, unsigned token, bool listing);

/* An object's new identity. */
CK_RV store_new_id(char id[OBJECT_ID_SIZE]);

/* Writes a new token object and adds it to the table; takes over the reference. */
CK_RV store_add(struct module *module, struct object *object, CK_OBJECT_HANDLE *ret_handle);

/* Puts another version of a token or session object in the old one's place, or destroys it with
 * NULL; takes over the reference on `next`. Errors: CKR_OBJECT_HANDLE_INVALID */
CK_RV store_replace(struct module *module, struct object *old, struct object *next);

/* Destroys everything in a token. */
CK_RV store_erase(struct module *module, unsigned token);

#endif
