#include "keystore/operations/internal.h"

#include "keystore/operations/appliance/handlers.h"

/*
 * Something in a ceremony was not as its script says: what was expected, what happened, what was
 * decided and by whom. It is recorded, signed by an officer, and changes nothing.
 */
struct exception_request {
    struct json_value deciders;
    struct ps_bytes decision;
    struct ps_bytes expected;
    struct ps_bytes happened;
};

static const struct json_field fields[] = {
    JSON_FIELD(struct exception_request, deciders, JSON_KIND_ARRAY, true, 0),
    JSON_FIELD(struct exception_request, decision, JSON_KIND_STRING, true, 4096),
    JSON_FIELD(struct exception_request, expected, JSON_KIND_STRING, true, 4096),
    JSON_FIELD(struct exception_request, happened, JSON_KIND_STRING, true, 4096),
};

static enum ps_err put_params(const struct exception_request *request, struct ps_buf *out)
{
    struct writer json = writer(out);
    struct json_value value;
    struct ps_bytes name;
    uint32_t cursor = 0;

    writer_begin_object(&json, NULL);
    writer_begin_array(&json, "deciders");
    while (json_next(request->deciders, &cursor, NULL, &value)) {
        PS_TRY(json_string(value, &name));
        writer_text(&json, NULL, name);
    }
    writer_end_array(&json);
    writer_text(&json, "decision", request->decision);
    writer_text(&json, "expected", request->expected);
    writer_text(&json, "happened", request->happened);
    writer_end_object(&json);
    return ps_buf_status(out);
}

bool exception_resolve(struct operation *op, struct json_value request)
{
    struct exception_request exception = {.decision = {NULL, 0}};
    enum ps_err err = json_read_object(request, fields, PS_COUNT_OF(fields), &exception, NULL);

    if (err == PS_OK) {
        err = put_params(&exception, &op->resolved);
    }
    if (err != PS_OK) {
        operation_refuse_error(op, err);
    }
    return err == PS_OK;
}

bool exception_check(struct operation *op)
{
    (void)op;
    return true;
}
