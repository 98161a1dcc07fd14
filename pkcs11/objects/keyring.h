#ifndef PKCS11_OBJECTS_KEYRING_H
#define PKCS11_OBJECTS_KEYRING_H

#include "pkcs11/objects/object.h"

/*
 * Which handle a CKA_ID has, for the private and secret keys of the token, in the current
 * generation of sessions. Belongs to the thread of the event loop. Public keys are not in it: no
 * operation uses them often.
 */
struct keyring;

struct keyring_entry {
    uint8_t id[IPC_OBJECT_ID_MAX];
    size_t id_len;
    CK_OBJECT_HANDLE handle; /* CK_INVALID_HANDLE: not there, or there more than once */
    enum ps_key_type type;   /* PS_KEY_NONE: none of ours */
    bool is_checked;         /* it has shown that it is the key that its check value is of */
    uint64_t missing_until;  /* searched for and not found: not searched for again before */
};

PS_MUST_USE enum ps_err keyring_new(struct keyring **ret_ring);
void keyring_free(struct keyring *ring);
PS_DEFINE_CLEANUP(struct keyring, keyring_free)

/* NULL when the id is not known. Valid until the next change. */
const struct keyring_entry *keyring_get(const struct keyring *ring, struct ps_bytes id);

/* Sets or replaces. An id that does not fit is left out. Errors: PS_E_NO_MEMORY */
PS_MUST_USE enum ps_err keyring_set(struct keyring *ring, struct ps_bytes id,
                                    CK_OBJECT_HANDLE handle, enum ps_key_type type);

/* Unless the id has another handle by now. */
void keyring_set_checked(struct keyring *ring, struct ps_bytes id, CK_OBJECT_HANDLE handle);

/*
 * Remembers until then (monotonic, in ns) that there is no such key. Only so many are remembered;
 * when there are more, all of them are forgotten.
 */
void keyring_set_missing(struct keyring *ring, struct ps_bytes id, uint64_t until_ns);

void keyring_remove(struct keyring *ring, struct ps_bytes id);

/* Forgets everything: the handles of lost sessions may name other objects in new ones. */
void keyring_clear(struct keyring *ring);

size_t keyring_count(const struct keyring *ring);

/*
 * Fills the ring from the token: one search, then the attributes of each object. Objects without a
 * CKA_ID, with one of over 32 octets, or of a type that is none of ours are left out; one whose id
 * another has too is unusable; one that cannot be read is passed over while the token is well.
 * Errors: PS_E_TOKEN, PS_E_LIMIT (too many objects), PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err keyring_enumerate(struct keyring *ring, struct session *session);

#endif
