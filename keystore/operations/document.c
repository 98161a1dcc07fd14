#include "keystore/operations/internal.h"

#include "keystore/state/state.h"
#include "lib/base/encode.h"
#include "lib/ceremony/operation/document.h"

/* A document is good for a day unless its type says otherwise, or for so many leaves a day. */
#define DAY_S          UINT64_C(86400)
#define LEAVES_PER_DAY UINT64_C(100000)

static enum ps_err put_log(struct operation *op, struct writer *json)
{
    struct keeper *keeper = op->keeper;
    const uint64_t size = log_tree_size(keeper->events);
    struct merkle_hash root;

    PS_TRY(log_root(keeper->events, size, &root));
    writer_begin_object(json, "log");
    writer_str(json, "origin", keeper->appliance.origin);
    writer_octets(json, "root", ps_bytes(root.octets, sizeof root.octets));
    writer_decimal(json, "size", size);
    writer_end_object(json);
    return PS_OK;
}

static void put_hash(struct writer *json, const char *name, const uint8_t hash[PS_SHA256_LEN])
{
    writer_hex(json, name, ps_bytes(hash, PS_SHA256_LEN));
}

/* The members in the order of RFC 8785; ceremonies.md says what each is. */
static enum ps_err put_document(struct operation *op, struct ps_buf *out)
{
    const struct appliance *appliance = &op->keeper->appliance;
    const uint64_t now_s = op->created_ns / PS_NS_PER_S;
    const uint64_t valid_s = op->valid_s == 0 ? DAY_S : op->valid_s;
    const uint64_t days = (valid_s + DAY_S - 1) / DAY_S;
    struct writer json = writer(out);
    uint8_t nonce[NONCE_LEN];

    ps_random(nonce, sizeof nonce);
    writer_begin_object(&json, NULL);
    put_hash(&json, "appliance", appliance->identity_hash);
    writer_text(&json, "ceremony", ps_buf_bytes(&op->ceremony));
    PS_TRY(put_log(op, &json));
    writer_decimal(&json, "max_log_size",
                   log_tree_size(op->keeper->events) + days * LEAVES_PER_DAY);
    writer_hex(&json, "nonce", ps_bytes(nonce, sizeof nonce));
    writer_time_s(&json, "not_after", now_s + valid_s);
    writer_time_s(&json, "not_before", now_s);
    writer_raw(&json, "params", ps_buf_bytes(&op->resolved));
    writer_begin_object(&json, "policy");
    writer_decimal(&json, "epoch", appliance->policy_epoch);
    put_hash(&json, "hash", appliance->policy_hash);
    writer_end_object(&json);
    if (state_is_practice(op->keeper)) {
        writer_bool(&json, "practice", true);
    }
    writer_text(&json, "reason", ps_buf_bytes(&op->reason));
    writer_text(&json, "requester", ps_buf_bytes(&op->requester));
    put_hash(&json, "roster", appliance->roster_hash);
    writer_text(&json, "step", ps_buf_bytes(&op->ceremony_step));
    writer_str(&json, "type", op->type->name);
    writer_str(&json, "v", "1");
    writer_end_object(&json);
    return ps_buf_status(out);
}

/* What is executed is parsed from the octets that people sign. */
static enum ps_err take_document(struct operation *op)
{
    struct operation_document document;

    PS_TRY(operation_document_parse(op->parser, ps_buf_bytes(&op->document), &document));
    if (strcmp(document.type->name, op->type->name) != 0) {
        return ps_fail(PS_E_INPUT, 0, "a document of another type: %s", document.type->name);
    }
    op->params = document.params;
    memcpy(op->hash, document.hash, sizeof op->hash);
    return PS_OK;
}

enum ps_err document_build(struct operation *op)
{
    PS_TRY(ps_buf_status(&op->resolved));
    PS_TRY(put_document(op, &op->document));
    return take_document(op);
}

enum ps_err document_parse(struct operation *op, struct ps_bytes document)
{
    ps_buf_reset(&op->document);
    ps_buf_put(&op->document, document);
    PS_TRY(ps_buf_status(&op->document));
    return take_document(op);
}

void document_put_row(const struct operation *op, const char *state, struct ps_buf *out)
{
    struct writer json = writer(out);

    writer_begin_object(&json, NULL);
    writer_str(&json, "caller", op->caller);
    writer_number(&json, "created_s", op->created_ns / PS_NS_PER_S);
    writer_str(&json, "detail", op->is_done ? "" : op->detail);
    writer_raw(&json, "document", ps_buf_bytes(&op->document));
    writer_number(&json, "event", op->result_event);
    writer_text(&json, "location", ps_buf_bytes(&op->location));
    writer_str(&json, "problem",
               op->problem == PS_PROBLEM_NONE ? "" : ps_problem_info(op->problem)->code);
    writer_text(&json, "request_id", ps_buf_bytes(&op->request_id));
    if (op->is_done && op->result.len != 0) {
        writer_raw(&json, "result", ps_buf_bytes(&op->result));
    }
    if (op->signatures.len != 0) {
        writer_raw(&json, "signatures", ps_buf_bytes(&op->signatures));
    }
    writer_str(&json, "state", state);
    writer_str(&json, "type", op->type->name);
    writer_end_object(&json);
}

enum ps_err document_text(struct json_value object, const char *name, struct ps_bytes *ret_text)
{
    struct json_value value;

    if (!json_member(object, name, &value)) {
        return ps_fail(PS_E_INPUT, 0, "member \"%s\" is missing", name);
    }
    return json_string(value, ret_text);
}

enum ps_err document_octets(struct json_value object, const char *name, struct ps_buf *out)
{
    struct json_value value;
    struct ps_bytes text;

    if (!json_member(object, name, &value)) {
        return PS_OK;
    }
    PS_TRY(json_string(value, &text));
    return ps_base64url_decode(text, out);
}

enum ps_err document_number(struct json_value object, const char *name, uint64_t *ret_number)
{
    struct ps_bytes text;
    uint64_t number = 0;

    PS_TRY(document_text(object, name, &text));
    if (text.len == 0 || text.len > 16 || (text.len > 1 && text.data[0] == '0')) {
        return ps_fail(PS_E_INPUT, 0, "member \"%s\" is no number", name);
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return ps_fail(PS_E_INPUT, 0, "member \"%s\" is no number", name);
        }
        number = number * 10 + (uint64_t)(text.data[i] - '0');
    }
    *ret_number = number;
    return PS_OK;
}

enum ps_err document_objects(struct operation *op, struct json_value list)
{
    struct json_value value;
    struct ps_bytes text;
    uint32_t cursor = 0;

    while (op->object_count < OBJECTS_MAX && json_next(list, &cursor, NULL, &value)) {
        PS_BUF_AUTO id;

        ps_buf_init(&id, OBJECT_ID_LEN);
        PS_TRY(json_string(value, &text));
        PS_TRY(ps_hex_decode(text, &id));
        if (id.len != OBJECT_ID_LEN) {
            return ps_fail(PS_E_INPUT, 0, "an object's id of %zu octets", id.len);
        }
        memcpy(op->objects[op->object_count++].id, id.data, OBJECT_ID_LEN);
    }
    return PS_OK;
}
