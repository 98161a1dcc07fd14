#ifndef KEYSTORE_EVENTS_TRUTH_H
#define KEYSTORE_EVENTS_TRUTH_H

#include "keystore/snapshot/table.h"

/*
 * What the rows of keys and versions are, as far as the log says: a short keyed hash of each, taken
 * when the catalog had been compared with the log, and whenever a result was recorded. A row that
 * is read from the database is held against it, so that what somebody wrote there is never taken
 * into an operation in the moment before the next comparison finds it.
 *
 * Of very many rows a snapshot's table says it; hashes are kept of what has changed since.
 */
struct truth;

PS_MUST_USE enum ps_err truth_new(struct truth **ret_truth);
void truth_free(struct truth *truth);
PS_DEFINE_CLEANUP(struct truth, truth_free)

/* Errors: PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err truth_set(struct truth *truth, const struct catalog_row *row);
/* `event`: of the leaf that says so. Errors: PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err truth_remove(struct truth *truth, enum catalog_kind kind,
                                     struct ps_bytes name, uint64_t event);

/*
 * From now on a table (NULL: none) says what all leaves before `size` made; of those hashes are
 * kept no more. Errors: PS_E_NO_MEMORY; nothing has changed then.
 */
PS_MUST_USE enum ps_err truth_rest_on(struct truth *truth, struct table *table, uint64_t size);

/* Errors: PS_E_DENIED: the row is not what was recorded. Rows that authorise nothing pass. */
PS_MUST_USE enum ps_err truth_check(const struct truth *truth, const struct catalog_row *row);

/*
 * Reads a row of keys and holds it against what was recorded; memory as with catalog_get.
 * Errors: PS_E_NOT_FOUND (nor has the log one), PS_E_DENIED (it was changed or removed from
 * outside), the catalog's.
 */
PS_MUST_USE enum ps_err truth_get(const struct truth *truth, struct catalog *catalog,
                                  enum catalog_kind kind, struct ps_bytes name,
                                  struct ps_buf *memory, struct catalog_row *ret_row);

/*
 * The same of a row that the log may not have: then PS_E_NOT_FOUND, and the database is not asked.
 */
PS_MUST_USE enum ps_err truth_get_known(const struct truth *truth, struct catalog *catalog,
                                        enum catalog_kind kind, struct ps_bytes name,
                                        struct ps_buf *memory, struct catalog_row *ret_row);

/* True when the log has such a row; and when the table cannot be read, so that somebody asks. */
bool truth_has(const struct truth *truth, enum catalog_kind kind, struct ps_bytes name);

/* Rows of which there are hashes. */
size_t truth_count(const struct truth *truth);

#endif
