#include "keystore/catalog/internal.h"
#include "lib/base/reader.h"

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

static enum ps_err differs(enum catalog_kind kind, struct ps_bytes name, const char *how)
{
    return ps_fail(PS_E_DENIED, 0, "%s %.*s %s", catalog_kind_name(kind), PS_BYTES_FMT(name), how);
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
        return differs(row->kind, row->name, comparison->missing);
    }
    PS_TRY(err);
    if (row->revision != twin.revision || row->event != twin.event ||
        !ps_bytes_equal(row->body, twin.body)) {
        return differs(row->kind, row->name, "is not what the log says");
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

enum ps_err catalog_compare_kind(struct catalog *stored, struct catalog *derived,
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
        PS_TRY(catalog_compare_kind(stored, derived, (enum catalog_kind)kind));
    }
    return PS_OK;
}

/* --- Some at a time --- */

/* What one of the two has, to be held against the other. */
struct some {
    struct ps_buf names; /* each followed by its revision, event and hash */
    struct ps_reader reader;
    struct ps_bytes last;
    uint32_t count;
    uint32_t seen;
};

static void clear_some(struct some *some)
{
    ps_buf_clear(&some->names);
}

static enum ps_err note_mark(void *context, const struct catalog_mark *mark)
{
    struct some *some = context;

    ps_buf_put_u8(&some->names, (uint8_t)mark->name.len);
    ps_buf_put(&some->names, mark->name);
    ps_buf_put_u64(&some->names, mark->revision);
    ps_buf_put_u64(&some->names, mark->event);
    ps_buf_put(&some->names, ps_bytes(mark->hash, sizeof mark->hash));
    some->count++;
    return ps_buf_status(&some->names);
}

static enum ps_err match_mark(void *context, const struct catalog_mark *mark)
{
    struct some *some = context;
    struct ps_bytes stored;
    bool is_same;

    if (some->seen == some->count) {
        return differs(mark->kind, mark->name, "is in the log and not in the catalog");
    }
    stored = ps_reader_take(&some->reader, ps_reader_u8(&some->reader));
    if (!ps_bytes_equal(stored, mark->name)) {
        return ps_bytes_compare(stored, mark->name) < 0
                   ? differs(mark->kind, stored, "is not in the log")
                   : differs(mark->kind, mark->name, "is in the log and not in the catalog");
    }
    is_same = ps_reader_u64(&some->reader) == mark->revision;
    is_same = ps_reader_u64(&some->reader) == mark->event && is_same;
    is_same = ps_bytes_equal(ps_reader_take(&some->reader, PS_SHA256_LEN),
                             ps_bytes(mark->hash, sizeof mark->hash)) &&
              is_same;
    some->last = stored;
    some->seen++;
    return is_same ? PS_OK : differs(mark->kind, mark->name, "is not what the log says");
}

enum ps_err catalog_compare_some(struct catalog *stored, struct catalog *derived,
                                 enum catalog_kind kind, uint32_t count, struct ps_buf *after)
{
    PS_CLEANUP(clear_some)
    struct some some = {.names = {.max = (size_t)count * (CATALOG_NAME_MAX + 64)}};

    PS_TRY(catalog_list_marks(stored, kind, ps_buf_bytes(after), count, note_mark, &some));
    some.reader = ps_reader(ps_buf_bytes(&some.names));
    PS_TRY(catalog_list_marks(derived, kind, ps_buf_bytes(after), count, match_mark, &some));
    if (some.seen < some.count) {
        return differs(kind, ps_reader_take(&some.reader, ps_reader_u8(&some.reader)),
                       "is not in the log");
    }
    ps_buf_reset(after);
    if (some.count == count) {
        ps_buf_put(after, some.last);
    }
    return ps_buf_status(after);
}
