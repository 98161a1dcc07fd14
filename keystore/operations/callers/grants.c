#include "keystore/operations/internal.h"

#include "keystore/operations/callers/handlers.h"
#include "keystore/operations/callers/way_in.h"
#include "keystore/operations/keys/key_params.h"
#include "keystore/policy/rules.h"
#include "keystore/reads/reads.h"

/* Who may do what: add, revoke. */

struct grant_request {
    struct ps_bytes client;
    struct json_value formats;
    struct ps_bytes keys;
    struct ps_bytes not_after; /* RFC 3339 */
    struct json_value operations;
    uint64_t rate_per_s;
};

static const struct json_field request_fields[] = {
    JSON_FIELD(struct grant_request, client, JSON_KIND_NAME, true, PS_NAME_MAX),
    JSON_FIELD(struct grant_request, formats, JSON_KIND_ARRAY, false, 0),
    JSON_FIELD(struct grant_request, keys, JSON_KIND_STRING, true, PS_NAME_MAX),
    JSON_FIELD(struct grant_request, not_after, JSON_KIND_STRING, false, 40),
    JSON_FIELD(struct grant_request, operations, JSON_KIND_ARRAY, true, 0),
    JSON_FIELD(struct grant_request, rate_per_s, JSON_KIND_U64, false, GRANT_RATE_MAX),
};

static enum ps_err check_form(const struct grant_record *record)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct grant_record read;
    struct json_value row;
    PS_BUF_AUTO text;

    ps_buf_init(&text, LOG_ENTRY_MAX);
    PS_TRY(json_new(&parser));
    grant_record_put(record, &text);
    PS_TRY(ps_buf_status(&text));
    PS_TRY(json_parse(parser, ps_buf_bytes(&text), &JSON_LIMITS_REQUEST, &row));
    return grant_record_read(row, &read);
}

static enum ps_err read_request(struct json_value body, struct grant_record *record)
{
    struct grant_request request = {.rate_per_s = 0};
    uint64_t not_after_ns = 0;

    PS_TRY(json_read_object(body, request_fields, PS_COUNT_OF(request_fields), &request, NULL));
    if (request.not_after.len != 0) {
        PS_TRY(ps_time_parse(request.not_after, &not_after_ns));
    }
    record->client = request.client;
    record->keys = request.keys;
    record->operations = request.operations;
    record->formats = request.formats;
    record->rate_per_s = request.rate_per_s;
    record->not_after_s = not_after_ns / PS_NS_PER_S;
    return check_form(record);
}

/* A search for a grant that says the same, whatever its id. */
struct same {
    const struct grant_record *wanted;
    struct json *parser;
    struct operation *op;
    bool found;
};

static enum ps_err compare(void *context, const struct catalog_row *row)
{
    struct same *same = context;
    struct grant_record present;
    struct grant_record compared = *same->wanted;
    struct json_value body;
    struct writer json = writer(&same->op->body);
    PS_BUF_AUTO text;

    ps_buf_init(&text, LOG_ENTRY_MAX);
    PS_TRY(json_parse(same->parser, row->body, &JSON_LIMITS_REQUEST, &body));
    PS_TRY(grant_record_read(body, &present));
    compared.id = present.id;
    grant_record_put(&compared, &text);
    if (same->found || !ps_bytes_equal(ps_buf_bytes(&text), row->body)) {
        return PS_OK;
    }
    same->found = true;
    writer_begin_object(&json, NULL);
    read_put_grant(&present, &json);
    writer_end_object(&json);
    return PS_OK;
}

static enum ps_err find_same(struct operation *op, const struct grant_record *wanted,
                             bool *ret_found)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct same same = {.wanted = wanted, .op = op};

    PS_TRY(json_new(&parser));
    same.parser = parser;
    PS_TRY(catalog_list(op->keeper->known, CATALOG_GRANT, ps_bytes(NULL, 0), UINT32_MAX, compare,
                        &same));
    *ret_found = same.found;
    return PS_OK;
}

static void put_params(const struct grant_record *record, enum key_class class, struct ps_buf *out)
{
    struct writer json = writer(out);
    struct json_value value;
    uint32_t cursor = 0;

    writer_begin_object(&json, NULL);
    key_params_put_class(class, &json);
    writer_text(&json, "client", record->client);
    writer_begin_array(&json, "formats");
    while (record->formats.doc != NULL && json_next(record->formats, &cursor, NULL, &value)) {
        writer_raw(&json, NULL, json_raw(value));
    }
    writer_end_array(&json);
    writer_text(&json, "id", record->id);
    writer_text(&json, "keys", record->keys);
    writer_decimal(&json, "not_after_s", record->not_after_s);
    writer_begin_array(&json, "operations");
    cursor = 0;
    while (json_next(record->operations, &cursor, NULL, &value)) {
        writer_raw(&json, NULL, json_raw(value));
    }
    writer_end_array(&json);
    writer_decimal(&json, "rate_per_s", record->rate_per_s);
    writer_end_object(&json);
}

static bool client_exists(struct operation *op, struct ps_bytes name)
{
    ROW_AUTO row = {.parser = NULL};
    const enum ps_err err = row_read(op->keeper, CATALOG_CLIENT, name, &row);

    if (err == PS_E_NOT_FOUND) {
        operation_refuse(op, PS_PROBLEM_REFUSED, "`client`: there is no such client");
    } else if (err != PS_OK) {
        operation_refuse_error(op, err);
    }
    return err == PS_OK;
}

static bool is_new(struct operation *op, const struct grant_record *record)
{
    bool found = false;
    const enum ps_err err = find_same(op, record, &found);

    if (err != PS_OK) {
        operation_refuse_error(op, err);
    } else if (found) {
        operation_exists(op);
    }
    return err == PS_OK && !found;
}

bool grant_add_resolve(struct operation *op, struct json_value body)
{
    struct grant_record record = {.id = ps_bytes_str(op->id)};
    const enum ps_err err = read_request(body, &record);

    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    put_params(&record, keys_class_of(op->keeper->keys, record.keys), &op->resolved);
    return true;
}

/* Both lists are of strings that the schema allows: as they stand, they are canonical. */
static enum ps_err read_params(const struct operation *op, struct grant_record *ret_record)
{
    struct json_value params = op->params;

    *ret_record = (struct grant_record){.id = {NULL, 0}};
    PS_TRY(document_text(params, "client", &ret_record->client));
    PS_TRY(document_text(params, "id", &ret_record->id));
    PS_TRY(document_text(params, "keys", &ret_record->keys));
    PS_TRY(document_number(params, "not_after_s", &ret_record->not_after_s));
    PS_TRY(document_number(params, "rate_per_s", &ret_record->rate_per_s));
    if (!json_member(params, "formats", &ret_record->formats) ||
        !json_member(params, "operations", &ret_record->operations)) {
        return ps_fail(PS_E_INPUT, 0, "no formats or operations");
    }
    return PS_OK;
}

bool grant_add_check(struct operation *op)
{
    struct grant_record record;
    const enum ps_err err = read_params(op, &record);
    const struct rule *rule;

    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    rule = rules_check_grant(&record, real_now_s());
    if (rule != NULL) {
        operation_refuse(op, PS_PROBLEM_REFUSED, "%s", rule->detail);
        return false;
    }
    operation_lock(op, "client", record.client);
    return client_exists(op, record.client) && is_new(op, &record);
}

enum ps_err grant_add_rows(struct operation *op)
{
    struct grant_record record;
    const struct rule *rule;

    PS_TRY(read_params(op, &record));
    rule = rules_check_grant(&record, 0); /* an end that is over is none of them */
    if (rule != NULL) {
        return ps_fail(PS_E_DENIED, 0, "%s", rule->detail);
    }
    grant_record_put(&record, operation_change(op, CATALOG_GRANT, record.id, 0));
    return PS_OK;
}

/* --- Revoke --- */

static bool refuse_revoke(struct operation *op, enum ps_err err)
{
    operation_refuse(op, ps_problem_of_err(err), "%s",
                     err == PS_E_NOT_FOUND ? "there is no such grant" : ps_detail()->text);
    return false;
}

static enum ps_err find_grant(const struct operation *op, struct ps_bytes id, struct row *row,
                              struct grant_record *ret_record)
{
    PS_TRY(row_read(op->keeper, CATALOG_GRANT, id, row));
    return grant_record_read(row->body, ret_record);
}

bool grant_revoke_resolve(struct operation *op, struct json_value body)
{
    ROW_AUTO row = {.parser = NULL};
    struct grant_record record;
    struct writer json = writer(&op->resolved);
    const enum ps_err err = find_grant(op, ps_buf_bytes(&op->subject), &row, &record);

    if (json_count(body) != 0) {
        operation_refuse(op, PS_PROBLEM_MALFORMED, "this has no parameters");
        return false;
    }
    if (err != PS_OK) {
        return refuse_revoke(op, err);
    }
    writer_begin_object(&json, NULL);
    writer_text(&json, "client", record.client);
    writer_text(&json, "grant", record.id);
    writer_end_object(&json);
    return true;
}

bool grant_revoke_check(struct operation *op)
{
    ROW_AUTO row = {.parser = NULL};
    struct grant_record record;
    struct ps_bytes id;
    enum ps_err err = document_text(op->params, "grant", &id);

    if (err == PS_OK) {
        err = find_grant(op, id, &row, &record);
    }
    if (err != PS_OK) {
        return refuse_revoke(op, err);
    }
    ps_buf_put_decimal(&op->etag, row.revision);
    operation_lock(op, "client", record.client);
    return way_in_stays(op, &(struct way_in_closing){.grant = id});
}

enum ps_err grant_revoke_rows(struct operation *op)
{
    ROW_AUTO row = {.parser = NULL};
    struct ps_bytes id;

    PS_TRY(document_text(op->params, "grant", &id));
    PS_TRY(row_read(op->keeper, CATALOG_GRANT, id, &row));
    operation_remove(op, CATALOG_GRANT, id, row.revision);
    op->status = 200;
    return PS_OK;
}

enum ps_err grant_describe(struct operation *op, struct writer *json)
{
    ROW_AUTO row = {.parser = NULL};
    struct grant_record record;
    struct ps_bytes id;

    if (document_text(op->params, "grant", &id) == PS_OK) {
        writer_text(json, "removed", id);
        return PS_OK;
    }
    PS_TRY(document_text(op->params, "id", &id));
    PS_TRY(row_read_new(op, CATALOG_GRANT, id, &row));
    PS_TRY(grant_record_read(row.body, &record));
    read_put_grant(&record, json);
    ps_buf_put_decimal(&op->etag, row.revision);
    ps_buf_printf(&op->location, "/v1/grants/%.*s", PS_BYTES_FMT(id));
    return PS_OK;
}
