#ifndef KEYSTORE_KEYS_KEYS_TABLE_H
#define KEYSTORE_KEYS_KEYS_TABLE_H

#include "keystore/keys/keys.h"

/* The table of keys as whoever decides which of them are in it sees it: key_cache.h. */

/* NULL: not in the table, whether there is such a key or not. */
struct key *keys_here(const struct keys *keys, struct ps_bytes name);

/* Puts the key of a name into the table, if there is one: keys_find asks for what is not in it. */
typedef void keys_read_fn(void *context, struct ps_bytes name);
void keys_set_reader(struct keys *keys, keys_read_fn *fn, void *context);

/* Whether a row of a version was put that is `unproven`, since this was asked last. */
bool keys_take_marked(struct keys *keys);

/* Frees a key that nobody has pinned. */
void keys_let_go(struct keys *keys, struct key *key);

#endif
