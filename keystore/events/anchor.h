#ifndef KEYSTORE_EVENTS_ANCHOR_H
#define KEYSTORE_EVENTS_ANCHOR_H

#include "keystore/internal.h"

/*
 * The heads of the logs, kept as data objects in the token, where a restored disk image does not
 * reach: a log that is shorter than its anchor, or another one, is `failed`. Two objects take
 * turns, so that a token process that dies while it writes one leaves the other. Of a restored
 * appliance they have the log's key, too (SHA-256 of its SubjectPublicKeyInfo).
 */
PS_MUST_USE enum ps_err anchor_new(struct keeper *keeper, struct anchor **ret_anchor);
void anchor_free(struct anchor *anchor);
PS_DEFINE_CLEANUP(struct anchor, anchor_free)

/* Before this is true nothing is signed. True before genesis, and from genesis on. */
bool anchor_is_checked(const struct anchor *anchor);

/* Whether the token knows the log's key, if that is not the one of the genesis. */
bool anchor_knows_key(const struct anchor *anchor);

/* Reads the anchor when the token is there and it was not read since the start. */
void anchor_look(struct anchor *anchor);

/* The logs begin here: there is nothing to compare them with. */
void anchor_begin(struct anchor *anchor);

/* Writes the present heads; `fn` (may be NULL) hears whether it worked. */
typedef void anchor_fn(void *context, bool is_written);
void anchor_write(struct anchor *anchor, anchor_fn *fn, void *context);

/*
 * People have approved that this log takes the place of another, whose heads the token may have:
 * they are not compared, and those that are written count as newer. As anchor_write.
 */
void anchor_succeed(struct anchor *anchor, anchor_fn *fn, void *context);

/* It does not take that place after all: nothing more is written of it. */
void anchor_withdraw(struct anchor *anchor);

/* Whether a data object of this label is one of the two. */
bool anchor_owns(struct ps_bytes label);

/* Called once a second: writes once a minute when there is news. */
void anchor_tick(struct anchor *anchor);

#endif
