#ifndef KEYSTORE_SIGNING_HELD_H
#define KEYSTORE_SIGNING_HELD_H

#include "lib/base/bytes.h"
#include "lib/base/err.h"

/*
 * Answers that wait until their leaf is durable, in the order of the leaves. What is done then is
 * the callee's: it is called exactly once for each, with whether the leaf is on disk.
 */
struct held;

typedef void held_fn(void *context, bool is_durable);

PS_MUST_USE enum ps_err held_new(struct held **ret_held);
void held_free(struct held *held); /* forgets what waits, without calling */
PS_DEFINE_CLEANUP(struct held, held_free)

/*
 * Makes sure that the next held_add succeeds: called before the leaf is appended, so that a leaf is
 * never there without its answer. Errors: PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err held_reserve(struct held *held);

/* `index`: of the leaf; never below that of an earlier call. There is room (held_reserve). */
void held_add(struct held *held, uint64_t index, held_fn *fn, void *context);

/* Lets go what has an index below `durable`. */
void held_release(struct held *held, uint64_t durable);

/* The log failed: what waits is told that its leaf is not durable. */
void held_fail(struct held *held);

size_t held_count(const struct held *held);

#endif
