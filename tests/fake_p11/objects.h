#ifndef FAKE_P11_OBJECTS_H
#define FAKE_P11_OBJECTS_H

#include "module.h"

/* The objects of all tokens that this process knows, and their handles. */

void object_table_init(struct object_table *table);
void object_table_clear(struct object_table *table);

/* Takes over the reference. Errors: CKR_HOST_MEMORY (the object is released) */
CK_RV objects_add(struct object_table *table, struct object *object, CK_OBJECT_HANDLE *ret_handle);

/* A reference, or NULL. */
struct object *objects_acquire(struct object_table *table, CK_OBJECT_HANDLE handle);

/* Whether the object is still the one its handle names. */
bool objects_hold(struct object_table *table, const struct object *object);

/* Puts another version, whose reference it takes over, or nothing in the place of an object, on
 * which the caller holds a reference. */
void objects_replace(struct object_table *table, struct object *old, struct object *next);

/* References to a token's stored objects, in no order; free() the array.
 * Errors: CKR_HOST_MEMORY */
CK_RV objects_list_stored(struct object_table *table, unsigned token, struct object ***ret_list,
                          size_t *ret_count);

/* Handles of what a search finds; free() the array. Errors: CKR_HOST_MEMORY */
CK_RV objects_find(struct module *module, unsigned token, const CK_ATTRIBUTE *templ, CK_ULONG count,
                   CK_OBJECT_HANDLE **ret_handles, CK_ULONG *ret_count);

/* Drops the session objects of one session, or of a token's every session. */
void objects_drop_session(struct module *module, unsigned token, CK_SESSION_HANDLE owner);

/* At the end of a login private session objects go, and private token objects change handles. */
void objects_drop_private_handles(struct module *module, unsigned token);

/* After lost sessions session objects are gone. Stored objects get other handles; with `reuse`
 * those of a kind exchange them, so that a handle kept too long names another key. */
void objects_renew_handles(struct object_table *table, unsigned token, bool reuse);

#endif
