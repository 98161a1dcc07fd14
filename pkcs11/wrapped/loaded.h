#ifndef PKCS11_WRAPPED_LOADED_H
#define PKCS11_WRAPPED_LOADED_H

#include "pkcs11/objects/object.h"

/*
 * Wrapped keys that are unwrapped in this process now: a bounded number of objects that go with its
 * sessions, the one not used for longest going first. Belongs to the thread of the event loop; what
 * has to go is given to whoever has a session, to be destroyed in it.
 */
struct loaded;

/* max: at least 1. */
PS_MUST_USE enum ps_err loaded_new(size_t max, struct loaded **ret_loaded);
void loaded_free(struct loaded *loaded);
PS_DEFINE_CLEANUP(struct loaded, loaded_free)

/* CK_INVALID_HANDLE when it is not there; else it counts as used now. */
CK_OBJECT_HANDLE loaded_get(struct loaded *loaded, struct ps_bytes id);

/* Whether the key has shown that it is the one that was made (check_value_test); it is there. */
bool loaded_is_checked(const struct loaded *loaded, struct ps_bytes id);
/* It has; nothing, if the key is not there by this handle any more. */
void loaded_set_checked(struct loaded *loaded, struct ps_bytes id, CK_OBJECT_HANDLE handle);

/* Takes over a handle; another one of this id has to go. Without memory this one has to. */
void loaded_put(struct loaded *loaded, struct ps_bytes id, CK_OBJECT_HANDLE handle);

/* Forgets a key; its object has to go. */
void loaded_remove(struct loaded *loaded, struct ps_bytes id);

/* The same for one whose object is gone: its handle may be another object's by now. */
void loaded_forget(struct loaded *loaded, struct ps_bytes id);

/*
 * An object that has to go, or CK_INVALID_HANDLE; it is forgotten here. Of those that had to go
 * already, and when there are too many, of the one not used for longest.
 *
 * more: how many are about to be put in, which there is to be room for
 */
CK_OBJECT_HANDLE loaded_take_superfluous(struct loaded *loaded, size_t more);

/* Forgets everything: the sessions are gone, and their objects with them. */
void loaded_clear(struct loaded *loaded);

size_t loaded_count(const struct loaded *loaded);

#endif
