#ifndef KEYSTORE_DERIVE_H
#define KEYSTORE_DERIVE_H

#include "keystore/catalog/catalog.h"
#include "keystore/gate/recall.h"
#include "keystore/log/log.h"

/*
 * Derives the authorising rows of the catalog from the leaves of `events`, some leaves at a time,
 * into a catalog in memory. The newest result is held back until another one follows or
 * derive_finish: it is the only one that a crash may have kept from the stored catalog.
 */
struct derive;

/* into: an empty catalog that stays the caller's; NULL: one in memory, of its own. */
PS_MUST_USE enum ps_err derive_new(struct catalog *into, struct derive **ret_derive);
void derive_free(struct derive *derive);
PS_DEFINE_CLEANUP(struct derive, derive_free)

/*
 * Takes in at most `count` more leaves of those that are durable. *ret_done: there are no more.
 * Errors: PS_E_STORAGE, PS_E_INPUT (a leaf that is not what it must be), PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err derive_step(struct derive *derive, struct log *events, uint64_t count,
                                    bool *ret_done);

/* The rows so far, without the result that is held back. */
struct catalog *derive_catalog(struct derive *derive);

/* The result held back: its effects, empty when there is none, and the index of its leaf. */
struct ps_bytes derive_held_effects(const struct derive *derive);
uint64_t derive_held_event(const struct derive *derive);
/* The whole `data` of that leaf. */
struct ps_bytes derive_held_data(const struct derive *derive);

/* Takes in what is held back. */
PS_MUST_USE enum ps_err derive_finish(struct derive *derive);

/*
 * Operations that were begun and not ended: the `data` of their intent leaves, oldest first; empty
 * octets past the last one.
 */
struct ps_bytes derive_open_intent(const struct derive *derive, size_t at, uint64_t *ret_event);

/* Leaves of operations that wait for people. */
const struct recall *derive_recall(const struct derive *derive);

uint64_t derive_shards(const struct derive *derive);       /* leaves of the kind `shard` */
uint64_t derive_last_time_ns(const struct derive *derive); /* of the newest leaf; 0: none */
bool derive_has_genesis(const struct derive *derive);

#endif
