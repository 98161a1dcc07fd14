#ifndef CEREMONY_LOG_KEY_H
#define CEREMONY_LOG_KEY_H

#include "lib/formats/tlog/cosignature.h"

/* Who signs for a tree: the log's key, under the tree's own origin; and its witnesses. */

#define LOG_KEY_TEXT_MAX 512u

/* The verifier key of a log's `events`. Errors: PS_E_INPUT (also: of another tree's name). */
PS_MUST_USE enum ps_err log_key_parse(struct ps_bytes text, struct note_key *ret_key);

/*
 * The verifier of the tree that has this origin, if it is one of this log: `events` itself or a
 * shard of `use`. The key's name borrows from `origin`. Errors: PS_E_NOT_FOUND.
 */
PS_MUST_USE enum ps_err log_key_of_origin(const struct note_key *events, struct ps_bytes origin,
                                          struct note_key *ret_key);

/* Appends the origin of the tree "events" or "use/<shard>". */
void log_key_put_origin(const struct note_key *events, const char *tree, struct ps_buf *out);

#define LOG_WITNESSES_MAX 16u

/* Those whose word counts, and how many of them have to have given it. */
struct log_witnesses {
    struct note_key keys[LOG_WITNESSES_MAX]; /* names borrow from what was parsed */
    struct ps_bytes urls[LOG_WITNESSES_MAX]; /* empty: it is reached by file */
    size_t count;
    unsigned needed;
};

/*
 * Adds one, "<verifier key>" or "<verifier key> <url>". Errors: PS_E_INPUT, PS_E_CONFLICT (the name
 * or the key is there already), PS_E_LIMIT.
 */
PS_MUST_USE enum ps_err log_witnesses_add(struct log_witnesses *witnesses, struct ps_bytes line);

/* Of lines, as the configuration has them. */
PS_MUST_USE enum ps_err log_witnesses_parse(struct ps_bytes lines, unsigned needed,
                                            struct log_witnesses *ret_witnesses);

/* How many of them cosigned the note, and when the last of them did (0: none). */
unsigned log_witnesses_count(const struct log_witnesses *witnesses, struct ps_bytes note,
                             uint64_t *ret_newest_s);

#endif
