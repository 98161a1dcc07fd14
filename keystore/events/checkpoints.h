#ifndef KEYSTORE_EVENTS_CHECKPOINTS_H
#define KEYSTORE_EVENTS_CHECKPOINTS_H

#include "keystore/internal.h"
#include "lib/formats/tlog/note.h"

/*
 * Signed checkpoints of both logs, by the key `privyseal.log` in the token: once a second while
 * there is news, round the steps of an operation, and for a shard that was completed.
 */
PS_MUST_USE enum ps_err checkpoints_new(struct keeper *keeper,
                                        struct checkpoints **ret_checkpoints);
void checkpoints_free(struct checkpoints *checkpoints);
PS_DEFINE_CLEANUP(struct checkpoints, checkpoints_free)

#define LOG_KEY_NAME      "privyseal.log"
#define IDENTITY_KEY_NAME "privyseal.identity"

/* Signs what is durable now in `events`; `fn` hears whether it worked. */
typedef void checkpoint_fn(void *context, bool is_signed);
void checkpoints_request(struct checkpoints *checkpoints, checkpoint_fn *fn, void *context);
/* Of the last that did not; the end of a sentence. */
const char *checkpoints_why_not(const struct checkpoints *checkpoints);

/*
 * Whether the logs may get a signature, or the token learn of them. Neither while a leaf may name a
 * key that the token does not have: what is signed for is believed by the next start.
 */
bool checkpoints_may_vouch(const struct keeper *keeper);

/* So many leaves of `events` are signed for. */
uint64_t checkpoints_signed(const struct checkpoints *checkpoints);

/* A complete shard whose checkpoint does not cover all of it gets its last one. */
void checkpoints_complete_shard(struct checkpoints *checkpoints, const struct tree_info *closed);

/* Called once a second. */
void checkpoints_tick(struct checkpoints *checkpoints);

/* A shard is complete: a leaf in `events`, and its last checkpoint. */
void checkpoints_note_shard(struct checkpoints *checkpoints, struct log *log,
                            const struct tree_info *closed);

/*
 * The stored checkpoints are ours: right origin, right key, right signature.
 * Errors: PS_E_DENIED, PS_E_INPUT; PS_OK when there are none.
 */
PS_MUST_USE enum ps_err checkpoints_check_stored(struct keeper *keeper);

/*
 * The key of the log under the origin of a tree, "events" or "use/<shard>". `origin`: gets the name
 * that the key borrows. Errors: PS_E_STATE (there is no log key yet).
 */
PS_MUST_USE enum ps_err checkpoints_find_key(const struct keeper *keeper, const char *tree,
                                             struct ps_buf *origin, struct note_key *ret_key);

/* The verifier key of a tree: "<origin>/events", or "<origin>/use/<shard>". */
PS_MUST_USE enum ps_err checkpoints_put_verifier(const char *origin, const char *log_name,
                                                 const char *shard, struct ps_bytes spki,
                                                 struct ps_buf *out);

#endif
