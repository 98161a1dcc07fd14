#ifndef KEYSTORE_CATALOG_BACKEND_H
#define KEYSTORE_CATALOG_BACKEND_H

#include "keystore/catalog/row.h"

/*
 * A backend. Every call is one transaction; a failed one leaves everything as it was.
 * Errors of all: PS_E_STORAGE, PS_E_BUSY (another program holds the database), PS_E_NO_MEMORY, and
 * what is named. Callers use the catalog_... functions below, which check what is the same for all.
 */
struct catalog_ops {
    const char *name; /* "sqlite", "memory" */
    /*
     * PS_E_NOT_FOUND. The row's octets are appended to `memory` and borrowed from it, until it is
     * changed again: a second row in the same buffer may move the first.
     */
    enum ps_err (*get)(void *backend, enum catalog_kind kind, struct ps_bytes name,
                       struct ps_buf *memory, struct catalog_row *ret_row);
    /*
     * What is got between the two is of one moment, and costs less than by itself; nothing else is
     * asked for meanwhile. Both NULL: there is nothing to gain, in this backend.
     */
    enum ps_err (*begin_reading)(void *backend);
    void (*end_reading)(void *backend);
    /* In order of names, after `after`, at most `limit`; an error of `fn` ends the walk. */
    enum ps_err (*list)(void *backend, enum catalog_kind kind, struct ps_bytes after,
                        uint32_t limit, catalog_row_fn *fn, void *context);
    /* The same without bodies, where that costs less. NULL: it does not, in this backend. */
    enum ps_err (*list_marks)(void *backend, enum catalog_kind kind, struct ps_bytes after,
                              uint32_t limit, catalog_mark_fn *fn, void *context);
    /*
     * All or nothing; `answer` may be NULL, and `count` 0. PS_E_CONFLICT: a revision is not the
     * expected one, or there is another answer to that key than one in flight for this body.
     */
    enum ps_err (*apply)(void *backend, const struct catalog_change *changes, size_t count,
                         uint64_t event, const struct catalog_answer *answer);
    /*
     * A row with the revision and event that it has elsewhere; PS_E_CONFLICT: there is one of its
     * name. NULL: not in this backend.
     */
    enum ps_err (*keep)(void *backend, const struct catalog_row *row);
    /* PS_E_NOT_FOUND; an expired one is forgotten and not found. Memory as with get. */
    enum ps_err (*get_answer)(void *backend, struct ps_bytes caller, struct ps_bytes key,
                              uint64_t now_ns, struct ps_buf *memory,
                              struct catalog_answer *ret_answer);
    /* Notes a key as in flight: PS_E_CONFLICT when there is one already. */
    enum ps_err (*begin_answer)(void *backend, const struct catalog_answer *answer);
    /* Forgets one that is in flight: nothing was changed, it may be tried again. */
    enum ps_err (*forget_answer)(void *backend, struct ps_bytes caller, struct ps_bytes key);
    /* At start: forgets what is in flight (after a crash) and what has expired. */
    enum ps_err (*sweep_answers)(void *backend, uint64_t now_ns);
    /* While running: forgets what has expired. */
    enum ps_err (*expire_answers)(void *backend, uint64_t now_ns);
    /* Still the same database: the file exists, is the one opened, is readable. PS_E_STORAGE. */
    enum ps_err (*check_alive)(void *backend);
    /* Counts changes by others than us, to notice writing behind our back early. */
    enum ps_err (*data_version)(void *backend, uint64_t *ret_version);
    void (*close)(void *backend);
};

/* Makers of backends: each gives the ops and the backend to call them with. */
PS_MUST_USE enum ps_err catalog_sqlite_open(const char *path, const struct catalog_ops **ret_ops,
                                            void **ret_backend);
PS_MUST_USE enum ps_err catalog_memory_open(const struct catalog_ops **ret_ops, void **ret_backend);

#endif
