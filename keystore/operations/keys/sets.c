#include "keystore/operations/internal.h"

#include "keystore/operations/keys/handlers.h"
#include "keystore/reads/reads.h"
#include "keystore/reads/set_keys.h"

/* JWKS sets: named lists of key patterns. */

struct set_request {
    struct json_value keys;
    uint64_t max_age_s;
};

static const struct json_field request_fields[] = {
    JSON_FIELD(struct set_request, keys, JSON_KIND_ARRAY, true, 0),
    JSON_FIELD(struct set_request, max_age_s, JSON_KIND_U64, false, 365ull * 86400),
};

static enum ps_err check_form(const struct set_record *record, struct ps_buf *text)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct set_record read;
    struct json_value row;

    PS_TRY(json_new(&parser));
    set_record_put(record, text);
    PS_TRY(ps_buf_status(text));
    PS_TRY(json_parse(parser, ps_buf_bytes(text), &JSON_LIMITS_REQUEST, &row));
    return set_record_read(row, &read);
}

/* False: there is one that says the same, or the catalog cannot be read; answered. */
static bool differs_from_present(struct operation *op, const struct set_record *wanted)
{
    ROW_AUTO row = {.parser = NULL};
    struct set_record present;
    struct writer json = writer(&op->body);
    enum ps_err err = row_read(op->keeper, CATALOG_SET, wanted->name, &row);
    PS_BUF_AUTO a;
    PS_BUF_AUTO b;

    ps_buf_init(&a, LOG_ENTRY_MAX);
    ps_buf_init(&b, LOG_ENTRY_MAX);
    if (err == PS_E_NOT_FOUND) {
        return true;
    }
    if (err == PS_OK) {
        err = set_record_read(row.body, &present);
    }
    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    ps_buf_put_decimal(&op->etag, row.revision);
    set_record_put(wanted, &a);
    set_record_put(&present, &b);
    if (!ps_bytes_equal(ps_buf_bytes(&a), ps_buf_bytes(&b))) {
        op->status = 200;
        return true;
    }
    writer_begin_object(&json, NULL);
    read_put_set(&present, row.revision, &json);
    writer_end_object(&json);
    operation_exists(op);
    return false;
}

static void put_params(const struct set_record *record, struct ps_buf *out)
{
    struct writer json = writer(out);
    struct json_value value;
    struct ps_bytes text;
    uint32_t cursor = 0;

    writer_begin_object(&json, NULL);
    writer_begin_array(&json, "keys");
    while (json_next(record->keys, &cursor, NULL, &value)) {
        if (json_string(value, &text) == PS_OK) {
            writer_text(&json, NULL, text);
        }
    }
    writer_end_array(&json);
    writer_decimal(&json, "max_age_s", record->max_age_s);
    writer_text(&json, "name", record->name);
    writer_end_object(&json);
}

bool set_put_resolve(struct operation *op, struct json_value body)
{
    struct set_request request = {.max_age_s = READ_MAX_AGE_DEFAULT_S};
    struct set_record record = {.name = ps_buf_bytes(&op->subject)};
    enum ps_err err =
        json_read_object(body, request_fields, PS_COUNT_OF(request_fields), &request, NULL);
    PS_BUF_AUTO text;

    ps_buf_init(&text, LOG_ENTRY_MAX);
    record.keys = request.keys;
    record.max_age_s = request.max_age_s;
    if (err == PS_OK) {
        err = check_form(&record, &text);
    }
    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    put_params(&record, &op->resolved);
    return true;
}

static enum ps_err read_params(const struct operation *op, struct set_record *ret_record)
{
    *ret_record = (struct set_record){.name = {NULL, 0}};
    PS_TRY(document_text(op->params, "name", &ret_record->name));
    PS_TRY(document_number(op->params, "max_age_s", &ret_record->max_age_s));
    return json_member(op->params, "keys", &ret_record->keys) ? PS_OK
                                                              : ps_fail(PS_E_INPUT, 0, "no keys");
}

/* It is whole or an error for whoever fetches it, so what would be too large is not made. */
static bool has_room(struct operation *op, const struct key_set *set)
{
    const enum ps_err err = set_keys_check_room(op->keeper, set, 0, PS_KEY_NONE);

    if (err == PS_E_LIMIT) {
        operation_refuse(op, PS_PROBLEM_REFUSED, "%s", ps_detail()->text);
    } else if (err != PS_OK) {
        operation_refuse_error(op, err);
    }
    return err == PS_OK;
}

static bool would_have_room(struct operation *op, const struct set_record *record)
{
    PS_CLEANUP(key_set_clear) struct key_set set = {.max_age_s = 0};
    const enum ps_err err = key_set_init(&set, record);

    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    return has_room(op, &set);
}

bool set_put_check(struct operation *op)
{
    struct set_record record;
    const enum ps_err err = read_params(op, &record);

    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    operation_lock(op, "set", record.name);
    return differs_from_present(op, &record) && would_have_room(op, &record);
}

enum ps_err set_put_rows(struct operation *op)
{
    ROW_AUTO row = {.parser = NULL};
    struct set_record record;
    enum ps_err err;

    PS_TRY(read_params(op, &record));
    err = row_read(op->keeper, CATALOG_SET, record.name, &row);
    if (err != PS_OK && err != PS_E_NOT_FOUND) {
        return err;
    }
    set_record_put(&record,
                   operation_change(op, CATALOG_SET, record.name, err == PS_OK ? row.revision : 0));
    return PS_OK;
}

bool set_remove_resolve(struct operation *op, struct json_value body)
{
    struct writer json = writer(&op->resolved);

    if (json_count(body) != 0) {
        operation_refuse(op, PS_PROBLEM_MALFORMED, "this has no parameters");
        return false;
    }
    writer_begin_object(&json, NULL);
    writer_text(&json, "set", ps_buf_bytes(&op->subject));
    writer_end_object(&json);
    return true;
}

bool set_remove_check(struct operation *op)
{
    ROW_AUTO row = {.parser = NULL};
    struct ps_bytes name;
    enum ps_err err = document_text(op->params, "set", &name);

    if (err == PS_OK) {
        err = row_read(op->keeper, CATALOG_SET, name, &row);
    }
    if (err == PS_E_NOT_FOUND) {
        operation_refuse(op, PS_PROBLEM_NOT_FOUND, "there is no such set");
        return false;
    }
    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    ps_buf_put_decimal(&op->etag, row.revision);
    operation_lock(op, "set", name);
    return !ps_bytes_equal_str(name, DEFAULT_SET) || has_room(op, NULL);
}

enum ps_err set_remove_rows(struct operation *op)
{
    ROW_AUTO row = {.parser = NULL};
    struct ps_bytes name;

    PS_TRY(document_text(op->params, "set", &name));
    PS_TRY(row_read(op->keeper, CATALOG_SET, name, &row));
    operation_remove(op, CATALOG_SET, name, row.revision);
    op->status = 200;
    return PS_OK;
}

enum ps_err set_describe(struct operation *op, struct writer *json)
{
    ROW_AUTO row = {.parser = NULL};
    struct set_record record;
    struct ps_bytes name;

    if (document_text(op->params, "set", &name) == PS_OK) {
        writer_text(json, "removed", name);
        return PS_OK;
    }
    PS_TRY(document_text(op->params, "name", &name));
    PS_TRY(row_read_new(op, CATALOG_SET, name, &row));
    PS_TRY(set_record_read(row.body, &record));
    read_put_set(&record, row.revision, json);
    ps_buf_put_decimal(&op->etag, row.revision);
    ps_buf_printf(&op->location, "/v1/jwks-sets/%.*s", PS_BYTES_FMT(name));
    return PS_OK;
}
