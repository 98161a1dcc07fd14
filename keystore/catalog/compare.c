#include "keystore/catalog/internal.h"

struct comparison {
    struct catalog *other;
    const char *missing; /* what it means that the other has no such row */
    struct ps_buf memory;
    uint64_t rows;
};

static void clear_comparison(struct comparison *comparison)
{
    ps_buf_clear(&comparison->memory);
}

static enum ps_err differs(const struct catalog_row *row, const char *how)
{
    return ps_fail(PS_E_DENIED, 0, "%s %.*s %s", catalog_kind_name(row->kind),
                   PS_BYTES_FMT(row->name), how);
}

static enum ps_err compare_row(void *context, const struct catalog_row *row)
{
    struct comparison *comparison = context;
    struct catalog *other = comparison->other;
    struct catalog_row twin = {0};
    enum ps_err err;

    comparison->rows++;
    ps_buf_reset(&comparison->memory);
    err = other->ops->get(other->backend, row->kind, row->name, &comparison->memory, &twin);
    if (err == PS_E_NOT_FOUND) {
        return differs(row, comparison->missing);
    }
    PS_TRY(err);
    if (row->revision != twin.revision || row->event != twin.event ||
        !ps_bytes_equal(row->body, twin.body)) {
        return differs(row, "is not what the log says");
    }
    return PS_OK;
}

static enum ps_err walk(struct catalog *catalog, enum catalog_kind kind,
                        struct comparison *comparison)
{
    comparison->rows = 0;
    return catalog_list(catalog, kind, ps_bytes(NULL, 0), UINT32_MAX, compare_row, comparison);
}

static enum ps_err count_row(void *context, const struct catalog_row *row)
{
    (void)row;
    ++*(uint64_t *)context;
    return PS_OK;
}

static enum ps_err compare_kind(struct catalog *stored, struct catalog *derived,
                                enum catalog_kind kind)
{
    PS_CLEANUP(clear_comparison) struct comparison comparison = {0};
    uint64_t wanted = 0;

    ps_buf_init(&comparison.memory, CATALOG_NAME_MAX + CATALOG_BODY_MAX);
    comparison.other = derived;
    comparison.missing = "is not in the log";
    PS_TRY(walk(stored, kind, &comparison));
    PS_TRY(catalog_list(derived, kind, ps_bytes(NULL, 0), UINT32_MAX, count_row, &wanted));
    if (wanted == comparison.rows) {
        return PS_OK;
    }
    /* Only now, as it is slow: which of the log's rows is it? */
    comparison.other = stored;
    comparison.missing = "is in the log and not in the catalog";
    PS_TRY(walk(derived, kind, &comparison));
    return ps_fail(PS_E_INTERNAL, 0, "the catalog changed while it was compared");
}

enum ps_err catalog_compare(struct catalog *stored, struct catalog *derived)
{
    for (unsigned kind = 0; kind < CATALOG_AUTHORISING_COUNT; kind++) {
        PS_TRY(compare_kind(stored, derived, (enum catalog_kind)kind));
    }
    return PS_OK;
}
