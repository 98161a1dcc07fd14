#include "keystore/operations/internal.h"

#include "keystore/events/truth.h"
#include "keystore/state/state.h"

#define ROW_MEMORY (CATALOG_BODY_MAX + 4096u)

static const struct json_limits row_limits = {CATALOG_BODY_MAX, 8, 4000};

void row_clear(struct row *row)
{
    ps_buf_clear(&row->memory);
    json_free(row->parser);
    row->parser = NULL;
}

/* What the log says of a row decides, not what the database has at the moment. */
static enum ps_err get(struct keeper *keeper, enum catalog_kind kind, struct ps_bytes name,
                       struct ps_buf *memory, struct catalog_row *ret_row)
{
    enum ps_err err;

    if (kind < CATALOG_AUTHORISING_COUNT && !catalog_kind_is_of_keys(kind)) {
        return catalog_get(keeper->known, kind, name, memory, ret_row);
    }
    if (!catalog_kind_is_of_keys(kind)) {
        return catalog_get(keeper->catalog, kind, name, memory, ret_row);
    }
    err = truth_get(keeper->truth, keeper->catalog, kind, name, memory, ret_row);
    if (err == PS_E_DENIED) {
        state_raise(keeper, REASON_CATALOG_DIFFERS, ps_detail()->text);
        return ps_fail(PS_E_STORAGE, 0, "the catalog was changed from outside");
    }
    return err;
}

enum ps_err row_read(struct keeper *keeper, enum catalog_kind kind, struct ps_bytes name,
                     struct row *row)
{
    struct catalog_row found;

    *row = (struct row){.parser = NULL};
    ps_buf_init(&row->memory, ROW_MEMORY);
    PS_TRY(json_new(&row->parser));
    PS_TRY(get(keeper, kind, name, &row->memory, &found));
    row->revision = found.revision;
    return json_parse(row->parser, found.body, &row_limits, &row->body);
}

enum ps_err row_read_new(struct operation *op, enum catalog_kind kind, struct ps_bytes name,
                         struct row *row)
{
    for (size_t i = 0; i < op->change_count; i++) {
        const struct change *change = &op->changes[i];

        if (change->kind == kind && ps_bytes_equal(ps_buf_bytes(&change->name), name) &&
            change->body.len != 0) {
            *row = (struct row){.revision = change->expected + 1};
            ps_buf_init(&row->memory, ROW_MEMORY);
            PS_TRY(json_new(&row->parser));
            ps_buf_put(&row->memory, ps_buf_bytes(&change->body));
            PS_TRY(ps_buf_status(&row->memory));
            return json_parse(row->parser, ps_buf_bytes(&row->memory), &row_limits, &row->body);
        }
    }
    return row_read(op->keeper, kind, name, row);
}
