#ifndef KEYSTORE_KEYS_SETS_H
#define KEYSTORE_KEYS_SETS_H

#include "keystore/internal.h"

/*
 * The JWKS sets in memory, as the log has them: what relying parties are given never comes from a
 * row that somebody may just have changed.
 */
struct sets;

struct key_set {
    char name[PS_NAME_MAX + 1];
    struct ps_buf patterns; /* each followed by a NUL */
    uint64_t max_age_s;
};

PS_MUST_USE enum ps_err sets_new(struct sets **ret_sets);
void sets_free(struct sets *sets);
PS_DEFINE_CLEANUP(struct sets, sets_free)

/* Takes over all rows, in place of those known before. */
PS_MUST_USE enum ps_err sets_load(struct sets *sets, struct catalog *from);

const struct key_set *sets_find(const struct sets *sets, struct ps_bytes name);
const struct key_set *sets_at(const struct sets *sets, size_t index); /* NULL past the end */

bool key_set_matches(const struct key_set *set, const struct key *key);
bool key_set_covers(const struct key_set *set, struct ps_bytes name); /* by a pattern */

/* Of a row that is not in force. ret_set: cleared with key_set_clear. */
struct set_record;
PS_MUST_USE enum ps_err key_set_init(struct key_set *set, const struct set_record *record);
void key_set_clear(struct key_set *set);

#endif
