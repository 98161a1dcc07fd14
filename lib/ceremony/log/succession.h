#ifndef CEREMONY_LOG_SUCCESSION_H
#define CEREMONY_LOG_SUCCESSION_H

#include "lib/ceremony/log/key.h"
#include "lib/ceremony/log/leaf.h"

/*
 * Which key signs for `events`, as its leaves go on: the one that the genesis names, until the
 * appliance is restored. Then a leaf `restored` holds the last checkpoint of that key, over exactly
 * the leaves before it, and the result of the operation that people approved names the next one
 * (docs/log-format.md). That they approved it is what a replay judges.
 */
struct log_succession {
    struct ps_buf key; /* its verifier key; empty: not known yet */
    bool is_restored;  /* a leaf `restored` came, and no next key since */
    unsigned count;    /* of changes */
};

void log_succession_init(struct log_succession *succession);
void log_succession_clear(struct log_succession *succession);

/* The kind of the leaf by which a restored log goes on. */
#define LOG_RESTORED_KIND "restored"

/*
 * Takes the next leaf of those that there are.
 *
 * root: of the leaves before it; NULL: they are not all there
 * Errors: PS_E_INPUT (a leaf that is not what it must be), PS_E_DENIED (the key did not sign for
 *         the leaves before; or it changes where nothing was restored), PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err log_succession_take(struct log_succession *succession, uint64_t index,
                                            const struct merkle_hash *root,
                                            const struct log_event *event);

/* The key of now, whose name borrows from it. Errors: PS_E_INPUT. */
PS_MUST_USE enum ps_err log_succession_key(const struct log_succession *succession,
                                           struct note_key *ret_key);

#endif
