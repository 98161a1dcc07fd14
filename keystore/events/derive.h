#ifndef KEYSTORE_EVENTS_DERIVE_H
#define KEYSTORE_EVENTS_DERIVE_H

#include "keystore/catalog/catalog.h"
#include "keystore/events/derived_keys.h"
#include "keystore/events/past.h"
#include "keystore/gate/recall.h"
#include "keystore/log/log.h"
#include "lib/base/reader.h"

/*
 * Derives the authorising rows of the catalog from the leaves of `events`, some leaves at a time,
 * into a catalog in memory. The newest result is held back until another one follows or
 * derive_finish: it is the only one that a crash may have kept from the stored catalog.
 */
struct derive;
struct encryptions_book;

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
/* The last step ended with a leaf that could not be read as it was written. */
bool derive_was_unreadable(const struct derive *derive);

/*
 * What it knows beside the rows, for a snapshot (keystore/snapshot/saved.h), and how another one
 * goes on from there. `derive_save` has nothing held back.
 *
 * derive: new, with the rows of that snapshot
 * edge:   of its leaves
 * Errors: PS_E_STATE (a log that was restored, of which all is judged anew at each start),
 *         PS_E_DENIED (another number of leaves), PS_E_INPUT, PS_E_LIMIT, PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err derive_save(const struct derive *derive, struct ps_buf *out);
PS_MUST_USE enum ps_err derive_resume(struct derive *derive, const struct merkle_edge *edge,
                                      struct ps_bytes saved);

/* From now on the catalog that it derives into is its own. */
void derive_adopt(struct derive *derive);

/* The rows so far, without the result that is held back. */
struct catalog *derive_catalog(struct derive *derive);

/* The result, or part of one, held back: its effects, empty when there is none, and the index of
 * its leaf. */
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

/* Whether a leaf `ended` of another operation names this one: it has done what it was to do. */
bool derive_intent_has_ended(const struct derive *derive, size_t at);

/* How many encryptions were reserved. */
const struct encryptions_book *derive_encryptions(const struct derive *derive);

/* Leaves of operations that wait for people. */
const struct recall *derive_recall(const struct derive *derive);

/* Which key signs the log after the leaves so far, and whether it was restored. */
const struct derived_keys *derive_keys(const struct derive *derive);

/* How many leaves it has taken in. */
uint64_t derive_next(const struct derive *derive);
/* What they were when they were read, which is to be held against the log (log_check_edge) before
 * anything rests on it. */
const struct merkle_edge *derive_edge(const struct derive *derive);

/*
 * So many leaves are signed for; without it, all. A signature of people behind them counts from no
 * earlier than any leaf from the last of them on.
 */
void derive_set_signed(struct derive *derive, uint64_t size);
uint64_t derive_signed(const struct derive *derive);
/* The first such size; the others follow from it (derive_set_watch). */
uint64_t derive_first_signed(const struct derive *derive);

/*
 * Who says what the log's next key has signed for, whenever that becomes known: so many leaves, or
 * UINT64_MAX: all up to the next leaf `restored`, for which a key signed in its turn. A step ends
 * behind a leaf that changes the size.
 */
struct derive_watch {
    void *context;
    enum ps_err (*next_key)(void *context, struct ps_bytes verifier, uint64_t *size);
};
void derive_set_watch(struct derive *derive, const struct derive_watch *watch);
/* Whether something behind them begins, ends or closes what is to be judged. */
bool derive_has_unsigned(const struct derive *derive);

/* Who judges those behind them (unsigned_end.h). An error of theirs ends the step. */
struct derive_judge {
    void *context;
    enum ps_err (*intent)(void *context, const struct past_intent *intent);
    /* intent: NULL when there is none that is open. Before it all rows are applied. */
    enum ps_err (*result)(void *context, const struct past_intent *intent,
                          const struct past_result *result);
    /* number: of shards before it */
    enum ps_err (*shard)(void *context, uint64_t number, struct ps_bytes data, uint64_t event);
};
void derive_set_judge(struct derive *derive, const struct derive_judge *judge);

uint64_t derive_shards(const struct derive *derive);       /* leaves of the kind `shard` */
uint64_t derive_last_time_ns(const struct derive *derive); /* of the newest leaf; 0: none */
/* When an alarm last told of the clock; 0: never. */
uint64_t derive_clock_doubted_ns(const struct derive *derive);
bool derive_has_genesis(const struct derive *derive);

#endif
