#ifndef KEYSTORE_TRUTH_H
#define KEYSTORE_TRUTH_H

#include "keystore/catalog/catalog.h"

/*
 * What the rows of keys and versions are, as far as the log says: a short keyed hash of each, taken
 * when the catalog had been compared with the log, and whenever a result was recorded. A row that
 * is read from the database is held against it, so that what somebody wrote there is never taken
 * into an operation in the moment before the next comparison finds it.
 */
struct truth;

PS_MUST_USE enum ps_err truth_new(struct truth **ret_truth);
void truth_free(struct truth *truth);
PS_DEFINE_CLEANUP(struct truth, truth_free)

/* Errors: PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err truth_set(struct truth *truth, const struct catalog_row *row);
void truth_remove(struct truth *truth, enum catalog_kind kind, struct ps_bytes name);

/* Errors: PS_E_DENIED: the row is not what was recorded. Rows that authorise nothing pass. */
PS_MUST_USE enum ps_err truth_check(const struct truth *truth, const struct catalog_row *row);

/* True when the log has such a row. */
bool truth_has(const struct truth *truth, enum catalog_kind kind, struct ps_bytes name);

size_t truth_count(const struct truth *truth);

#endif
