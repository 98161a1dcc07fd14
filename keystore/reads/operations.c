#include "keystore/reads/internal.h"

/* Operations: what was asked for, by whom, and what became of it. */

struct operation_row {
    struct ps_bytes caller;
    uint64_t created_s;
    struct ps_bytes detail;
    struct json_value document;
    uint64_t event;
    struct ps_bytes location;
    struct ps_bytes problem;
    struct ps_bytes request_id;
    struct ps_bytes state;
    struct ps_bytes type;
};

static const struct json_field fields[] = {
    JSON_FIELD(struct operation_row, caller, JSON_KIND_STRING, true, 0),
    JSON_FIELD(struct operation_row, created_s, JSON_KIND_U64, true, 0),
    JSON_FIELD(struct operation_row, detail, JSON_KIND_STRING, true, 0),
    JSON_FIELD(struct operation_row, document, JSON_KIND_OBJECT, true, 0),
    JSON_FIELD(struct operation_row, event, JSON_KIND_U64, true, 0),
    JSON_FIELD(struct operation_row, location, JSON_KIND_STRING, true, 0),
    JSON_FIELD(struct operation_row, problem, JSON_KIND_STRING, true, 0),
    JSON_FIELD(struct operation_row, request_id, JSON_KIND_STRING, true, 0),
    JSON_FIELD(struct operation_row, state, JSON_KIND_STRING, true, 0),
    JSON_FIELD(struct operation_row, type, JSON_KIND_STRING, true, 0),
};

static enum ps_err parse(struct read *read, struct ps_bytes body, struct operation_row *ret_row)
{
    struct json_value root;

    PS_TRY(json_parse(read->parser, body, &JSON_LIMITS_REQUEST, &root));
    return json_read_object(root, fields, PS_COUNT_OF(fields), ret_row, NULL);
}

static void put_members(struct ps_bytes id, const struct operation_row *row, struct writer *json)
{
    writer_text(json, "id", id);
    writer_text(json, "type", row->type);
    writer_text(json, "state", row->state);
    writer_time_s(json, "created", row->created_s);
    writer_text_if(json, "caller", row->caller);
    writer_text_if(json, "request_id", row->request_id);
    writer_text_if(json, "location", row->location);
    writer_text_if(json, "problem", row->problem);
    writer_text_if(json, "detail", row->detail);
    if (ps_bytes_equal_str(row->state, "done")) {
        writer_number(json, "event", row->event);
    }
}

static enum ps_err put_item(struct read *read, const struct catalog_row *row, struct writer *json,
                            bool *ret_written)
{
    struct operation_row operation = {.event = 0};

    PS_TRY(parse(read, row->body, &operation));
    writer_begin_object(json, NULL);
    put_members(row->name, &operation, json);
    writer_end_object(json);
    *ret_written = true;
    return PS_OK;
}

enum ps_err read_operations(struct read *read)
{
    return read_list(read, CATALOG_OPERATION, put_item);
}

static enum ps_err find(struct read *read, struct ps_buf *memory, struct catalog_row *ret_row,
                        struct operation_row *ret_operation)
{
    const enum ps_err err =
        catalog_get(read->keeper->catalog, CATALOG_OPERATION, read->message->name, memory, ret_row);

    if (err == PS_E_INPUT || err == PS_E_NOT_FOUND) {
        return ps_fail(PS_E_NOT_FOUND, 0, "there is no such operation");
    }
    PS_TRY(err);
    return parse(read, ret_row->body, ret_operation);
}

enum ps_err read_operation(struct read *read)
{
    struct writer json = writer(&read->body);
    struct operation_row operation = {.event = 0};
    struct catalog_row row;
    PS_BUF_AUTO memory;

    ps_buf_init(&memory, CATALOG_BODY_MAX + 4096);
    PS_TRY(find(read, &memory, &row, &operation));
    writer_begin_object(&json, NULL);
    put_members(row.name, &operation, &json);
    writer_raw(&json, "document", json_raw(operation.document));
    writer_end_object(&json);
    ps_buf_put_decimal(&read->etag, row.revision);
    return PS_OK;
}

/* The row is canonical, and so is each value in it: these are the octets that people sign. */
enum ps_err read_operation_document(struct read *read)
{
    struct operation_row operation = {.event = 0};
    struct catalog_row row;
    PS_BUF_AUTO memory;

    ps_buf_init(&memory, CATALOG_BODY_MAX + 4096);
    PS_TRY(find(read, &memory, &row, &operation));
    ps_buf_put(&read->body, json_raw(operation.document));
    return PS_OK;
}
