#ifndef KEYSTORE_BACKUP_NEW_KEYS_H
#define KEYSTORE_BACKUP_NEW_KEYS_H

#include "keystore/backup/restored.h"

/*
 * Makes the keys with which a restored appliance would go on, in the first token of its
 * configuration that is there and was taken in, and records them (leaf `restored-keys`). Nobody
 * trusts them before people have approved them.
 */
struct new_keys;

/* offer: NULL: it did not work; why: then a text, else "" */
typedef void new_keys_fn(void *context, const struct restored_offer *offer, const char *why);

/*
 * `fn` is called once, later, after which the keys may be freed. Errors: PS_E_TOKEN (no token is
 * there), those of the catalog.
 */
PS_MUST_USE enum ps_err new_keys_begin(struct keeper *keeper, new_keys_fn *fn, void *context,
                                       struct new_keys **ret_keys);
void new_keys_free(struct new_keys *keys);

/* Whether an object with this id (CKA_ID) is one of them; keys may be NULL. */
bool new_keys_have(const struct new_keys *keys, struct ps_bytes object_id);
PS_DEFINE_CLEANUP(struct new_keys, new_keys_free)

#endif
