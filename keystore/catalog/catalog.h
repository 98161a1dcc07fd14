#ifndef KEYSTORE_CATALOG_CATALOG_H
#define KEYSTORE_CATALOG_CATALOG_H

#include "keystore/catalog/backend.h"

/*
 * What the appliance knows: rows of a few kinds, each an RFC 8785 JSON document under a name.
 *
 * Rows of authorising kinds carry the index of the leaf in `events` whose operation made them, and
 * are a cache of the log: the keeper derives them again from the leaves (catalog_apply_effects) and
 * compares octets (catalog_compare). The typed view of a row is in records.h.
 */
struct catalog;

/*
 * Opens the catalog in a file and brings it to the newest schema, or makes an empty one.
 * Errors: as lib/db/db.h; PS_E_STATE: it was written by a newer Privyseal (the detail is a
 * sentence that says so).
 */
PS_MUST_USE enum ps_err catalog_open_sqlite(const char *path, struct catalog **ret_catalog);

/* For what is derived from the log, and for tests. */
PS_MUST_USE enum ps_err catalog_open_memory(struct catalog **ret_catalog);
/* One whose backend is the caller's, who loses it to the catalog, also when this fails. */
PS_MUST_USE enum ps_err catalog_open_over(const struct catalog_ops *ops, void *backend,
                                          struct catalog **ret_catalog);
void catalog_close(struct catalog *catalog);
PS_DEFINE_CLEANUP(struct catalog, catalog_close)

/* Thin calls of the backend, with the checks that are the same for all (PS_E_INPUT). */
PS_MUST_USE enum ps_err catalog_get(struct catalog *catalog, enum catalog_kind kind,
                                    struct ps_bytes name, struct ps_buf *memory,
                                    struct catalog_row *ret_row);
/* Rows between the two are of one moment, and cost less than each by itself. Nothing else but
 * catalog_get is called meanwhile. */
PS_MUST_USE enum ps_err catalog_begin_reading(struct catalog *catalog);
void catalog_end_reading(struct catalog *catalog);
PS_MUST_USE enum ps_err catalog_list(struct catalog *catalog, enum catalog_kind kind,
                                     struct ps_bytes after, uint32_t limit, catalog_row_fn *fn,
                                     void *context);
/* A row is in `changes` at most once; a body is an object in RFC 8785 form. */
PS_MUST_USE enum ps_err catalog_apply(struct catalog *catalog, const struct catalog_change *changes,
                                      size_t count, uint64_t event,
                                      const struct catalog_answer *answer);
/*
 * Takes over a row of another catalog, with the revision and the event that it has there, into one
 * in memory. Errors: PS_E_CONFLICT (it has one of this name), PS_E_INPUT (no name).
 */
PS_MUST_USE enum ps_err catalog_keep_row(struct catalog *catalog, const struct catalog_row *row);
PS_MUST_USE enum ps_err catalog_get_answer(struct catalog *catalog, struct ps_bytes caller,
                                           struct ps_bytes key, uint64_t now_ns,
                                           struct ps_buf *memory,
                                           struct catalog_answer *ret_answer);
PS_MUST_USE enum ps_err catalog_begin_answer(struct catalog *catalog,
                                             const struct catalog_answer *answer);
PS_MUST_USE enum ps_err catalog_forget_answer(struct catalog *catalog, struct ps_bytes caller,
                                              struct ps_bytes key);
PS_MUST_USE enum ps_err catalog_sweep_answers(struct catalog *catalog, uint64_t now_ns);
PS_MUST_USE enum ps_err catalog_expire_answers(struct catalog *catalog, uint64_t now_ns);
PS_MUST_USE enum ps_err catalog_check_alive(struct catalog *catalog);
PS_MUST_USE enum ps_err catalog_data_version(struct catalog *catalog, uint64_t *ret_version);
const struct catalog_ops *catalog_ops(const struct catalog *catalog);
void *catalog_backend(const struct catalog *catalog);

/*
 * Would catalog_apply take these, and is each body of its kind's schema (records.h)? Asked before
 * the leaf is written: what the log says must then be possible.
 * Errors: PS_E_INPUT, PS_E_CONFLICT; the detail names the row.
 */
PS_MUST_USE enum ps_err catalog_check_changes(struct catalog *catalog,
                                              const struct catalog_change *changes, size_t count);

/*
 * The rows that a result leaf made, as it carries them: its `effects`, a JSON array of
 * {"kind", "name", "row"} or {"kind", "name", "removed": true}; authorising kinds only. Applying
 * the effects of every result leaf in order to an empty memory catalog yields the authorising rows.
 */
void catalog_put_effects(const struct catalog_change *changes, size_t count, struct ps_buf *out);
PS_MUST_USE enum ps_err catalog_apply_effects(struct catalog *catalog, struct ps_bytes effects,
                                              uint64_t event);

/*
 * Compares the authorising rows of two catalogs octet by octet, revision and event included. Holds
 * one row of each at a time.
 * Errors: PS_E_DENIED: they differ; the detail names kind and name of the first difference.
 */
PS_MUST_USE enum ps_err catalog_compare(struct catalog *stored, struct catalog *derived);

/* The same for one kind. */
PS_MUST_USE enum ps_err catalog_compare_kind(struct catalog *stored, struct catalog *derived,
                                             enum catalog_kind kind);

/*
 * The same for the next rows of one kind behind `after`, in their order.
 *
 * count: about so many
 * after: gets the name of the last one compared; nothing when there are no more
 */
PS_MUST_USE enum ps_err catalog_compare_some(struct catalog *stored, struct catalog *derived,
                                             enum catalog_kind kind, uint32_t count,
                                             struct ps_buf *after);

/*
 * The same for the rows alone that the effects of a leaf name.
 * Errors: as catalog_compare; PS_E_INPUT (no effects)
 */
PS_MUST_USE enum ps_err catalog_compare_effects(struct catalog *stored, struct catalog *derived,
                                                struct ps_bytes effects);

#endif
