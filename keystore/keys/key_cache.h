#ifndef KEYSTORE_KEYS_KEY_CACHE_H
#define KEYSTORE_KEYS_KEY_CACHE_H

#include "keystore/internal.h"

/*
 * Which keys are in memory. All of them are but wrapped ones that sign and to which nothing happens
 * by itself: of one version, without certificate, rotation and end. There may be millions of those,
 * and only the ones that were asked for lately stay. What is read again is held against the log
 * (truth.h) before anybody sees it.
 *
 * So whoever walks the keys that are here (keys_next) to find what is due finds all of it.
 */
struct key_cache;

PS_MUST_USE enum ps_err key_cache_new(struct keeper *keeper, struct key_cache **ret_cache);
void key_cache_free(struct key_cache *cache);
PS_DEFINE_CLEANUP(struct key_cache, key_cache_free)

/*
 * At the start: every key of a catalog that is what the log says, with what may go gone at once.
 * Errors: PS_E_INPUT (a row of no known form), PS_E_DENIED, PS_E_STORAGE, PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err key_cache_load(struct key_cache *cache, struct catalog *from);

/*
 * For a snapshot (keystore/snapshot/saved.h): the names of those that may not go, and how many the
 * others are. key_cache_load reads it where the catalog rests on that snapshot's table, and then
 * loads these and what has changed since, and no other.
 */
void key_cache_save(struct key_cache *cache, struct ps_buf *out);

/*
 * keys_find for who uses the key in this turn of the loop: where it has to be read, what has to be
 * known to open it is read along (custody/row_reader.h).
 */
struct key *key_cache_find_to_use(struct key_cache *cache, struct ps_bytes name);

/* Lets go what is too much. Nobody may hold a key that is not pinned. */
void key_cache_trim(struct key_cache *cache);

/* Keys that are not here: all; but for destroyed ones, those with the format jws, and those of a
 * token. */
size_t key_cache_away(const struct key_cache *cache);
size_t key_cache_away_live(const struct key_cache *cache); /* of all tokens */
size_t key_cache_away_jws(const struct key_cache *cache);
size_t key_cache_away_of(const struct key_cache *cache, struct ps_bytes token);

static inline void key_pin(struct key *key)
{
    key->pins++;
}

static inline void key_unpin(struct key *key)
{
    key->pins--;
}

#endif
