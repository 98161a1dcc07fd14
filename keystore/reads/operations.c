#include "keystore/reads/internal.h"

#include "keystore/gate/gate.h"
#include "keystore/operations/operations.h"

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
    struct json_value result;
    struct json_value signatures;
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
    JSON_FIELD(struct operation_row, result, JSON_KIND_OBJECT, false, 0),
    JSON_FIELD(struct operation_row, signatures, JSON_KIND_ARRAY, false, 0),
    JSON_FIELD(struct operation_row, state, JSON_KIND_STRING, true, 0),
    JSON_FIELD(struct operation_row, type, JSON_KIND_STRING, true, 0),
};

/* Its row is ahead of the log for as long as a leaf takes: nobody is told what is not in the log.
 */
static enum ps_err parse(struct read *read, const struct catalog_row *row,
                         struct operation_row *ret_row)
{
    const char *before = gate_state_before_intent(read->keeper->gate, row->name);
    struct json_value root;

    PS_TRY(json_parse(read->parser, row->body, &JSON_LIMITS_REQUEST, &root));
    PS_TRY(json_read_object(root, fields, PS_COUNT_OF(fields), ret_row, NULL));
    if (before != NULL) {
        ret_row->state = ps_bytes_str(before);
    }
    return PS_OK;
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

    PS_TRY(parse(read, row, &operation));
    if (read->message->name.len != 0 && !ps_bytes_equal(read->message->name, operation.state)) {
        return PS_OK; /* the list is of those in another state */
    }
    writer_begin_object(json, NULL);
    put_members(row->name, &operation, json);
    writer_end_object(json);
    *ret_written = true;
    return PS_OK;
}

/* A list of a state that there is not would be empty, as if nothing waited. */
static bool is_state(struct ps_bytes name)
{
    static const char *const states[] = {"draft",  "open",     "approved", "executing", "done",
                                         "failed", "rejected", "expired",  "cancelled"};

    for (size_t i = 0; i < PS_COUNT_OF(states); i++) {
        if (ps_bytes_equal_str(name, states[i])) {
            return true;
        }
    }
    return false;
}

enum ps_err read_operations(struct read *read)
{
    if (read->message->name.len != 0 && !is_state(read->message->name)) {
        return ps_fail(PS_E_INPUT, 0,
                       "`state`: draft, open, approved, executing, done, failed, rejected, expired "
                       "or cancelled");
    }
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
    return parse(read, ret_row, ret_operation);
}

/* While it is executed the row knows less than who executes it. */
static void take_progress(const struct read *read, struct operation_row *operation,
                          struct ps_buf *memory)
{
    if (ps_bytes_equal_str(operation->state, "executing") &&
        operations_put_progress(read->keeper->operations, read->message->name, memory)) {
        operation->detail = ps_buf_bytes(memory);
    }
}

enum ps_err read_operation(struct read *read)
{
    struct writer json = writer(&read->body);
    struct operation_row operation = {.event = 0};
    struct catalog_row row;
    PS_BUF_AUTO memory;
    PS_BUF_AUTO progress = {.max = 64};

    ps_buf_init(&memory, CATALOG_BODY_MAX + 4096);
    PS_TRY(find(read, &memory, &row, &operation));
    take_progress(read, &operation, &progress);
    writer_begin_object(&json, NULL);
    put_members(row.name, &operation, &json);
    /* While it waits it changes without its row: the time passes, people go. */
    if (!gate_put_waiting(read->keeper->gate, row.name, &json, &read->body)) {
        writer_raw(&json, "signatures",
                   operation.signatures.doc == NULL ? ps_bytes_str("[]")
                                                    : json_raw(operation.signatures));
        ps_buf_put_decimal(&read->etag, row.revision);
    }
    if (operation.result.doc != NULL) {
        writer_raw(&json, "result", json_raw(operation.result));
    }
    writer_raw(&json, "document", json_raw(operation.document));
    writer_end_object(&json);
    return PS_OK;
}

/* Of its result. What is not done has none, and each of its leaves can be proven by its index. */
enum ps_err read_operation_tlog_proof(struct read *read)
{
    struct operation_row operation = {.event = 0};
    struct catalog_row row;
    PS_BUF_AUTO memory;

    ps_buf_init(&memory, CATALOG_BODY_MAX + 4096);
    PS_TRY(find(read, &memory, &row, &operation));
    if (!ps_bytes_equal_str(operation.state, "done")) {
        return ps_fail(PS_E_NOT_FOUND, 0, "the operation is not done: it has no result to prove");
    }
    return read_put_event_proof(read, operation.event);
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
