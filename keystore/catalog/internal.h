#ifndef KEYSTORE_CATALOG_INTERNAL_H
#define KEYSTORE_CATALOG_INTERNAL_H

#include "keystore/catalog/catalog.h"
#include "lib/formats/json/json.h"

struct catalog {
    const struct catalog_ops *ops;
    void *backend;
    struct json *bodies;  /* reads one body */
    struct json *effects; /* reads a list of effects */
    unsigned walks;       /* lists that are being walked: nothing may change meanwhile */
};

/* A row's document, or a list of effects. A leaf is no deeper. */
#define CATALOG_JSON_LIMITS ((struct json_limits){CATALOG_BODY_MAX, 16, 20000})

/* The row's octets behind `memory`'s, for `get`. */
PS_MUST_USE enum ps_err catalog_copy_row(const struct catalog_row *row, struct ps_buf *memory,
                                         struct catalog_row *ret_row);
PS_MUST_USE enum ps_err catalog_copy_answer(const struct catalog_answer *answer,
                                            struct ps_buf *memory,
                                            struct catalog_answer *ret_answer);

/* catalog_list without bodies, by whatever way the backend has. */
PS_MUST_USE enum ps_err catalog_list_marks(struct catalog *catalog, enum catalog_kind kind,
                                           struct ps_bytes after, uint32_t limit,
                                           catalog_mark_fn *fn, void *context);

/* Errors that both backends word alike. */
PS_MUST_USE enum ps_err catalog_fail_not_found(enum catalog_kind kind, struct ps_bytes name);
PS_MUST_USE enum ps_err catalog_fail_conflict(const struct catalog_change *change);
PS_MUST_USE enum ps_err catalog_fail_answer(void);

/* What authorises has the leaf's index, bookkeeping has none. */
static inline uint64_t catalog_event_of(enum catalog_kind kind, uint64_t event)
{
    return kind < CATALOG_AUTHORISING_COUNT ? event : 0;
}

/* Errors: PS_E_INPUT: the name, the body's form or a row that is there twice. */
PS_MUST_USE enum ps_err catalog_check_form(struct catalog *catalog,
                                           const struct catalog_change *changes, size_t count);
PS_MUST_USE enum ps_err catalog_check_name(enum catalog_kind kind, struct ps_bytes name);

#endif
