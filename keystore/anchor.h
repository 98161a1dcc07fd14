#ifndef KEYSTORE_ANCHOR_H
#define KEYSTORE_ANCHOR_H

#include "keystore/internal.h"

/*
 * The heads of the logs, kept as data objects in the token, where a restored disk image does not
 * reach: a log that is shorter than its anchor, or another one, is `failed`. Two objects take
 * turns, so that a token process that dies while it writes one leaves the other.
 */
PS_MUST_USE enum ps_err anchor_new(struct keeper *keeper, struct anchor **ret_anchor);
void anchor_free(struct anchor *anchor);
PS_DEFINE_CLEANUP(struct anchor, anchor_free)

/* Before this is true nothing is signed. True before genesis, and from genesis on. */
bool anchor_is_checked(const struct anchor *anchor);

/* Reads the anchor when the token is there and it was not read since the start. */
void anchor_look(struct anchor *anchor);

/* The logs begin here: there is nothing to compare them with. */
void anchor_begin(struct anchor *anchor);

/* Writes the present heads; `fn` (may be NULL) hears whether it worked. */
typedef void anchor_fn(void *context, bool is_written);
void anchor_write(struct anchor *anchor, anchor_fn *fn, void *context);

/* Called once a second: writes once a minute when there is news. */
void anchor_tick(struct anchor *anchor);

#endif
