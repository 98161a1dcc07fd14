#ifndef KEYSTORE_SNAPSHOT_LAYERED_H
#define KEYSTORE_SNAPSHOT_LAYERED_H

#include "keystore/log/log.h"
#include "keystore/snapshot/table.h"

/*
 * A catalog of what the log says: the rows of a table, and in memory above them what leaves behind
 * it have changed. A body is taken from the database when it has the hash that the table says, and
 * else from the leaf that made the row.
 *
 * table:  NULL: everything is in memory. It is held until the catalog is closed.
 * stored: the database, which outlives this
 */
PS_MUST_USE enum ps_err layered_open(struct table *table, struct catalog *stored,
                                     struct log *events, struct catalog **ret_catalog);

/* The table below; NULL: none, or a catalog of another kind. */
struct table *layered_table(const struct catalog *catalog);

/* As catalog_get, of what the table says, whatever has changed since. Errors: as table_find. */
PS_MUST_USE enum ps_err layered_get_below(const struct catalog *catalog, enum catalog_kind kind,
                                          struct ps_bytes name, struct ps_buf *memory,
                                          struct catalog_row *ret_row);

/* How many rows are above it, with those that were removed. */
size_t layered_changes(const struct catalog *catalog);

/*
 * Each of them; a body of no octets: it was removed. The row may be looked up meanwhile.
 * Errors: those of `fn`, which end the walk.
 */
PS_MUST_USE enum ps_err layered_each_change(const struct catalog *catalog, enum catalog_kind kind,
                                            catalog_row_fn *fn, void *context);

/*
 * All rows of a kind in their order behind a name, at most `limit`, without the bodies of those in
 * the table. `body`: of a row in memory; empty: it is as in the table.
 */
typedef enum ps_err layered_fn(void *context, const struct table_entry *entry,
                               struct ps_bytes body);
PS_MUST_USE enum ps_err layered_walk(const struct catalog *catalog, enum catalog_kind kind,
                                     struct ps_bytes after, uint32_t limit, layered_fn *fn,
                                     void *context);

#endif
