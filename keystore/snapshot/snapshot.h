#ifndef KEYSTORE_SNAPSHOT_SNAPSHOT_H
#define KEYSTORE_SNAPSHOT_SNAPSHOT_H

#include "keystore/events/derive.h"
#include "keystore/internal.h"

/*
 * What the leaves of `events` up to one of them have made, so that a start need not read them: a
 * table of the rows and what is open besides, in DATA/snapshot, signed for by the log's key
 * (docs/decisions/0043-snapshots.md). It is made from leaves alone, never from the database.
 */
struct snapshots;

PS_MUST_USE enum ps_err snapshots_new(struct keeper *keeper, struct snapshots **ret_snapshots);
void snapshots_free(struct snapshots *snapshots);
PS_DEFINE_CLEANUP(struct snapshots, snapshots_free)

/*
 * How many leaves the stored one says that it stands for, before anybody can look at who signed it:
 * what the log need not read at once. 0: there is none.
 */
uint64_t snapshots_claim(struct snapshots *snapshots);

/*
 * Takes the stored one, if the key of the genesis signed for it and for the log that goes on from
 * it. Otherwise there is none, a line says why, and the log is read whole.
 * Errors: PS_E_INPUT (the log is damaged), PS_E_STORAGE
 */
PS_MUST_USE enum ps_err snapshots_take(struct snapshots *snapshots);

/*
 * It is none after all: its file was changed. A start drops it; later another one takes its place,
 * which snapshots_derive makes from all leaves. Errors: as snapshots_take.
 */
bool snapshots_is_damaged(const struct snapshots *snapshots);
PS_MUST_USE enum ps_err snapshots_drop(struct snapshots *snapshots);

/*
 * Whether the start took one that a key signed which the genesis does not name (a restored
 * appliance): then the token has to know that key, before anything is done. If it does not, the
 * next start reads all leaves.
 */
bool snapshots_rests_on_token(const struct snapshots *snapshots);
void snapshots_distrust(struct snapshots *snapshots);

/* Leaves that it stands for; 0: there is none. */
uint64_t snapshots_size(const struct snapshots *snapshots);
/* Leaves that the start did not read, since it took one; 0: it read them all. */
uint64_t snapshots_taken(const struct snapshots *snapshots);
/* What key_cache_save wrote; empty: there is none. */
struct ps_bytes snapshots_keys(const struct snapshots *snapshots);

/* Derives from there on; without one, or with one that is damaged, from the first leaf. */
PS_MUST_USE enum ps_err snapshots_derive(const struct snapshots *snapshots,
                                         struct derive **ret_derive);

/* --- The next one --- */

/* So many leaves have come that it is worth while. */
bool snapshots_is_due(const struct snapshots *snapshots);
/* The log goes on with another key: what was made before that is not signed, and the next is due.
 */
void snapshots_outdate(struct snapshots *snapshots);
/* One is tried now: however that ends, the next is due after as many leaves again. */
void snapshots_note_try(struct snapshots *snapshots);

/*
 * Begins one of all that `derive` has taken in, which is all there is, with nothing held back; it
 * stays as it is until the end. Errors: PS_E_STATE (there can be none now), PS_E_LIMIT (it would
 * take of the room on the disk that is kept for the logs, also while it is made), PS_E_STORAGE
 */
PS_MUST_USE enum ps_err snapshots_begin(struct snapshots *snapshots, struct derive *derive);

/*
 * count: about so many more rows
 * ret_done: from now on it is the one that counts. It is signed for by itself.
 */
PS_MUST_USE enum ps_err snapshots_step(struct snapshots *snapshots, uint32_t count, bool *ret_done);
void snapshots_give_up(struct snapshots *snapshots);

/* Called once a second: has the newest one signed as soon as that can be. */
void snapshots_tick(struct snapshots *snapshots);

#endif
