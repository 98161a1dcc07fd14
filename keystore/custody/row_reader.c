#include "keystore/custody/row_reader.h"

#include "keystore/custody/records.h"

#include <stdlib.h>

/* A row of this kind holds one blob. */
#define MEMORY_MAX (16u * 1024u)

struct row_reader {
    struct ps_buf memory;
    struct json *parser;
    struct ps_bytes ahead; /* body of what was read ahead; it is in `memory` */
    uint8_t object_id[KEY_OBJECT_ID_MAX];
    size_t object_id_len; /* 0: nothing was read ahead */
    struct ps_defer *forget;
};

static void on_end_of_turn(void *context)
{
    struct row_reader *reader = context;

    reader->object_id_len = 0;
}

enum ps_err row_reader_new(struct ps_loop *loop, struct row_reader **ret_reader)
{
    PS_CLEANUP(row_reader_free_cleanup) struct row_reader *reader = calloc(1, sizeof *reader);

    if (reader == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    ps_buf_init(&reader->memory, MEMORY_MAX);
    PS_TRY(json_new(&reader->parser));
    PS_TRY(ps_defer_new(loop, on_end_of_turn, reader, &reader->forget));
    *ret_reader = reader;
    reader = NULL;
    return PS_OK;
}

void row_reader_free(struct row_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    ps_defer_free(reader->forget);
    json_free(reader->parser);
    ps_buf_clear(&reader->memory);
    free(reader);
}

/* Over whatever was in memory before. */
static enum ps_err get_body(struct row_reader *reader, struct catalog *catalog,
                            struct ps_bytes object_id, struct ps_bytes *ret_body)
{
    uint8_t digits[2 * KEY_OBJECT_ID_MAX];
    struct ps_buf name = {.data = digits, .cap = sizeof digits, .max = sizeof digits};
    struct catalog_row row;

    reader->object_id_len = 0;
    ps_buf_reset(&reader->memory);
    record_put_name(object_id, &name);
    PS_TRY(ps_buf_status(&name));
    PS_TRY(catalog_get(catalog, CATALOG_WRAPPED, ps_buf_bytes(&name), &reader->memory, &row));
    *ret_body = row.body;
    return PS_OK;
}

static bool has_ahead(const struct row_reader *reader, struct ps_bytes object_id)
{
    return reader->object_id_len != 0 &&
           ps_bytes_equal(object_id, ps_bytes(reader->object_id, reader->object_id_len));
}

enum ps_err row_reader_get(struct row_reader *reader, struct catalog *catalog,
                           struct ps_bytes object_id, struct wrapped_row *ret_row)
{
    static const struct json_limits limits = {MEMORY_MAX, 3, 64};
    struct ps_bytes body = reader->ahead;
    struct json_value value;

    if (!has_ahead(reader, object_id)) {
        PS_TRY(get_body(reader, catalog, object_id, &body));
    }
    PS_TRY(json_parse(reader->parser, body, &limits, &value));
    return wrapped_row_read(value, ret_row);
}

void row_reader_read_ahead(struct row_reader *reader, struct catalog *catalog,
                           const struct key_version *version)
{
    const struct ps_bytes object_id = version_object_id(version);

    if (object_id.len <= sizeof reader->object_id &&
        get_body(reader, catalog, object_id, &reader->ahead) == PS_OK) {
        memcpy(reader->object_id, object_id.data, object_id.len);
        reader->object_id_len = object_id.len;
        ps_defer_arm(reader->forget);
    }
}
