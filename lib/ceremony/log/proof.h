#ifndef CEREMONY_LOG_PROOF_H
#define CEREMONY_LOG_PROOF_H

#include "lib/ceremony/log/key.h"
#include "lib/ceremony/log/leaf.h"
#include "lib/formats/tlog/proof_text.h"

/*
 * Proofs of single leaves, offline: docs/log-format.md section 7. A proof is a C2SP tlog-proof
 * whose `extra` is the leaf, so that one file and the log's key are all that its reader needs.
 */

/*
 * directory: of a log, in the appliance's own layout, exported or archived
 * tree:      "events" or "use/<shard>"
 * Appends the proof, under the tree's checkpoint in its file.
 * Errors: PS_E_NOT_FOUND (no such tree, or its checkpoint does not reach so far), PS_E_INPUT (files
 * that contradict each other), PS_E_STORAGE, PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err log_prove(const char *directory, const char *tree, uint64_t leaf,
                                  struct ps_buf *out);

/* What a proof is verified with. */
struct log_trust {
    struct note_key key; /* of `events` of the log */
    struct log_witnesses witnesses;
};

struct log_proven {
    struct ps_bytes origin; /* of the tree; borrows from the proof */
    struct ps_bytes leaf;   /* borrows from the buffer */
    uint64_t index;
    uint64_t size;        /* of the tree in which it was proven */
    unsigned witnesses;   /* that cosigned that tree */
    uint64_t witnessed_s; /* when the last of them did; 0: none */
};

/*
 * leaf: a buffer of at least LOG_LEAF_MAX, which gets the leaf's octets
 * Errors: PS_E_INPUT (not a proof, or one without the leaf in it), PS_E_DENIED (it does not hold:
 * the detail says what of it)
 */
PS_MUST_USE enum ps_err log_proof_verify(struct ps_bytes text, const struct log_trust *trust,
                                         struct ps_buf *leaf, struct log_proven *ret_proven);

#endif
