#include "keystore/operations/internal.h"

#include "keystore/operations/callers/clients.h"
#include "keystore/operations/callers/handlers.h"
#include "keystore/operations/callers/way_in.h"
#include "keystore/operations/keys/family.h"
#include "keystore/policy/rules.h"
#include "keystore/reads/reads.h"

/* Who may call: register, suspend, resume, remove. */

struct client_request {
    struct ps_bytes issuer;
    struct ps_bytes listener;
    struct ps_bytes name;
    struct json_value pins;
    struct ps_bytes san;
    struct json_value uids;
};

static const struct json_field request_fields[] = {
    JSON_FIELD(struct client_request, issuer, JSON_KIND_OCTETS, false, PS_SHA256_LEN),
    JSON_FIELD(struct client_request, listener, JSON_KIND_STRING, false, 16),
    JSON_FIELD(struct client_request, name, JSON_KIND_NAME, true, PS_NAME_MAX),
    JSON_FIELD(struct client_request, pins, JSON_KIND_ARRAY, false, 0),
    JSON_FIELD(struct client_request, san, JSON_KIND_STRING, false, CLIENT_SAN_MAX),
    JSON_FIELD(struct client_request, uids, JSON_KIND_ARRAY, false, 0),
};

/* Reads a record back from the form that its row will have: that is the check of its members. */
static enum ps_err check_form(const struct client_record *record)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct client_record read;
    struct json_value row;
    PS_BUF_AUTO text;

    ps_buf_init(&text, LOG_ENTRY_MAX);
    PS_TRY(json_new(&parser));
    client_record_put(record, &text);
    PS_TRY(ps_buf_status(&text));
    PS_TRY(json_parse(parser, ps_buf_bytes(&text), &JSON_LIMITS_REQUEST, &row));
    return client_record_read(row, &read);
}

static bool obeys_rules(struct operation *op, const struct client_record *record)
{
    const struct keeper *keeper = op->keeper;
    uint32_t refused[ACCESS_REFUSED_MAX];
    const struct client_rule_context context = {
        .is_practice = keeper->config->practice != 0,
        .refused_uids = refused,
        .refused_count = keeper_refused_uids(keeper, refused),
    };
    const struct rule *rule = rules_check_client(record, &context);
    struct ps_bytes other;

    if (rule != NULL) {
        operation_refuse(op, PS_PROBLEM_REFUSED, "%s", rule->detail);
        return false;
    }
    if (access_find_conflict(keeper->access, record, &other)) {
        operation_refuse(op, PS_PROBLEM_CONFLICT, "client %.*s has one of these identities",
                         PS_BYTES_FMT(other));
        return false;
    }
    return true;
}

static void put_uids(struct json_value uids, struct writer *json)
{
    struct json_value value;
    uint32_t cursor = 0;
    int64_t uid;

    writer_begin_array(json, "uids");
    while (uids.doc != NULL && json_next(uids, &cursor, NULL, &value)) {
        if (json_integer(value, &uid) == PS_OK) {
            writer_decimal(json, NULL, (uint64_t)uid);
        }
    }
    writer_end_array(json);
}

static void put_texts(const char *name, struct json_value texts, struct writer *json)
{
    struct json_value value;
    struct ps_bytes text;
    uint32_t cursor = 0;

    writer_begin_array(json, name);
    while (texts.doc != NULL && json_next(texts, &cursor, NULL, &value)) {
        if (json_string(value, &text) == PS_OK) {
            writer_text(json, NULL, text);
        }
    }
    writer_end_array(json);
}

void client_params_put(const struct client_record *record, struct ps_buf *out)
{
    struct writer json = writer(out);

    writer_begin_object(&json, NULL);
    writer_octets(&json, "issuer", record->issuer);
    writer_text(&json, "listener", record->listener);
    writer_text(&json, "name", record->name);
    put_texts("pins", record->pins, &json);
    writer_text(&json, "san", record->san);
    put_uids(record->uids, &json);
    writer_end_object(&json);
}

/* The same client is there already; suspended or not is another matter. */
static bool answer_existing(struct operation *op, const struct client_record *wanted)
{
    ROW_AUTO row = {.parser = NULL};
    struct client_record present;
    struct client_record compared = *wanted;
    enum ps_err err = row_read(op->keeper, CATALOG_CLIENT, wanted->name, &row);
    struct writer json = writer(&op->body);
    PS_BUF_AUTO a;
    PS_BUF_AUTO b;

    ps_buf_init(&a, LOG_ENTRY_MAX);
    ps_buf_init(&b, LOG_ENTRY_MAX);
    if (err == PS_E_NOT_FOUND) {
        return false;
    }
    if (err == PS_OK) {
        err = client_record_read(row.body, &present);
    }
    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return true;
    }
    compared.suspended = present.suspended;
    client_record_put(&present, &a);
    client_record_put(&compared, &b);
    if (!ps_bytes_equal(ps_buf_bytes(&a), ps_buf_bytes(&b))) {
        operation_refuse(op, PS_PROBLEM_CONFLICT, "a client of this name exists with others");
        return true;
    }
    writer_begin_object(&json, NULL);
    read_put_client(&present, row.revision, &json);
    writer_end_object(&json);
    operation_exists(op);
    return true;
}

bool client_register_resolve(struct operation *op, struct json_value body)
{
    struct client_request request = {.name = {NULL, 0}};
    struct client_record record;
    enum ps_err err =
        json_read_object(body, request_fields, PS_COUNT_OF(request_fields), &request, NULL);

    record = (struct client_record){
        .name = request.name,
        .pins = request.pins,
        .uids = request.uids,
        .san = request.san,
        .issuer = request.issuer,
        .listener = request.listener.len != 0 ? request.listener : ps_bytes_str("both"),
    };
    if (err == PS_OK) {
        err = check_form(&record);
    }
    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    client_params_put(&record, &op->resolved);
    return true;
}

static void put_numbers(const char *name, struct json_value texts, struct writer *json)
{
    struct json_value value;
    struct ps_bytes text;
    uint32_t cursor = 0;

    writer_begin_array(json, name);
    while (json_next(texts, &cursor, NULL, &value)) {
        if (json_string(value, &text) == PS_OK) {
            writer_raw(json, NULL, text);
        }
    }
    writer_end_array(json);
}

/* The row, in its RFC 8785 form, from resolved parameters. */
enum ps_err client_params_to_row(struct json_value params, struct ps_buf *out)
{
    struct writer json = writer(out);
    struct ps_bytes text;
    struct json_value list;

    writer_begin_object(&json, NULL);
    PS_TRY(document_text(params, "issuer", &text));
    writer_text(&json, "issuer", text);
    PS_TRY(document_text(params, "listener", &text));
    writer_text(&json, "listener", text);
    PS_TRY(document_text(params, "name", &text));
    writer_text(&json, "name", text);
    if (!json_member(params, "pins", &list)) {
        return ps_fail(PS_E_INPUT, 0, "no pins");
    }
    put_texts("pins", list, &json);
    PS_TRY(document_text(params, "san", &text));
    writer_text(&json, "san", text);
    writer_bool(&json, "suspended", false);
    if (!json_member(params, "uids", &list)) {
        return ps_fail(PS_E_INPUT, 0, "no uids");
    }
    put_numbers("uids", list, &json);
    writer_end_object(&json);
    return ps_buf_status(out);
}

/* The record borrows from `row`. */
static enum ps_err read_params(const struct operation *op, struct json *parser, struct ps_buf *row,
                               struct client_record *ret_record)
{
    struct json_value value;

    PS_TRY(client_params_to_row(op->params, row));
    PS_TRY(json_parse(parser, ps_buf_bytes(row), &JSON_LIMITS_REQUEST, &value));
    return client_record_read(value, ret_record);
}

static void lock_each(struct operation *op, const char *kind, struct json_value list)
{
    struct json_value value;
    uint32_t cursor = 0;

    while (list.doc != NULL && json_next(list, &cursor, NULL, &value)) {
        operation_lock(op, kind, json_raw(value)); /* one identity has one text */
    }
}

void client_lock(struct operation *op, const struct client_record *record)
{
    operation_lock(op, "client", record->name);
    lock_each(op, "pin", record->pins);
    lock_each(op, "uid", record->uids);
    if (record->san.len != 0) {
        operation_lock(op, "san", record->san);
    }
}

bool client_register_check(struct operation *op)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct client_record record;
    enum ps_err err = json_new(&parser);
    PS_BUF_AUTO row;

    ps_buf_init(&row, LOG_ENTRY_MAX);
    if (err == PS_OK) {
        err = read_params(op, parser, &row, &record);
    }
    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    client_lock(op, &record);
    return !answer_existing(op, &record) && obeys_rules(op, &record);
}

enum ps_err client_register_rows(struct operation *op)
{
    struct ps_bytes name;

    PS_TRY(document_text(op->params, "name", &name));
    return client_params_to_row(op->params, operation_change(op, CATALOG_CLIENT, name, 0));
}

/* --- States --- */

static bool wants_suspended(const struct operation *op)
{
    return strcmp(op->type->name, "client.suspend") == 0;
}

/* Who locks itself out could not undo it. */
static bool is_the_caller(struct operation *op)
{
    if (!ps_bytes_equal_str(ps_buf_bytes(&op->subject), op->caller)) {
        return false;
    }
    operation_refuse(op, PS_PROBLEM_REFUSED, "a client does not suspend or remove itself");
    return true;
}

static bool find_client(struct operation *op, struct row *row, struct client_record *ret_record)
{
    enum ps_err err = row_read(op->keeper, CATALOG_CLIENT, ps_buf_bytes(&op->subject), row);

    if (err == PS_OK) {
        err = client_record_read(row->body, ret_record);
    }
    if (err == PS_E_NOT_FOUND) {
        operation_refuse(op, PS_PROBLEM_NOT_FOUND, "there is no such client");
    } else if (err != PS_OK) {
        operation_refuse_error(op, err);
    }
    if (err != PS_OK) {
        return false;
    }
    ps_buf_put_decimal(&op->etag, row->revision);
    operation_lock(op, "client", ret_record->name);
    return true;
}

static void put_client_name(struct operation *op)
{
    struct writer json = writer(&op->resolved);

    writer_begin_object(&json, NULL);
    writer_text(&json, "client", ps_buf_bytes(&op->subject));
    writer_end_object(&json);
}

bool client_state_resolve(struct operation *op, struct json_value body)
{
    if (json_count(body) != 0) {
        operation_refuse(op, PS_PROBLEM_MALFORMED, "this has no parameters");
        return false;
    }
    put_client_name(op);
    return true;
}

bool client_state_check(struct operation *op)
{
    ROW_AUTO row = {.parser = NULL};
    struct client_record record;
    struct writer json = writer(&op->body);

    if (!find_client(op, &row, &record) || (wants_suspended(op) && is_the_caller(op))) {
        return false;
    }
    if (record.suspended == wants_suspended(op)) {
        writer_begin_object(&json, NULL);
        read_put_client(&record, row.revision, &json);
        writer_end_object(&json);
        operation_exists(op);
        return false;
    }
    return !wants_suspended(op) ||
           way_in_stays(op, &(struct way_in_closing){.client = record.name});
}

enum ps_err client_state_rows(struct operation *op)
{
    ROW_AUTO row = {.parser = NULL};
    struct client_record record;
    struct ps_bytes name;

    PS_TRY(document_text(op->params, "client", &name));
    PS_TRY(row_read(op->keeper, CATALOG_CLIENT, name, &row));
    PS_TRY(client_record_read(row.body, &record));
    record.suspended = wants_suspended(op);
    client_record_put(&record, operation_change(op, CATALOG_CLIENT, name, row.revision));
    return PS_OK;
}

/* --- Remove --- */

bool client_remove_resolve(struct operation *op, struct json_value body)
{
    return client_state_resolve(op, body);
}

/* What goes with a client. */
struct removal {
    struct operation *op;
    struct ps_bytes client;
    struct json *parser;
};

static enum ps_err read_family(const struct removal *removal, const struct catalog_row *row,
                               bool *ret_is_its)
{
    struct family_record family;
    struct json_value body;

    PS_TRY(json_parse(removal->parser, row->body, &JSON_LIMITS_REQUEST, &body));
    PS_TRY(family_record_read(body, &family));
    *ret_is_its = ps_bytes_equal(family.client, removal->client);
    return PS_OK;
}

static enum ps_err lock_family(void *context, const struct catalog_row *row)
{
    const struct removal *removal = context;
    bool is_its;

    PS_TRY(read_family(removal, row, &is_its));
    if (is_its) {
        family_lock(removal->op, row->name);
    }
    return PS_OK;
}

static enum ps_err each_family(struct operation *op, struct ps_bytes client, catalog_row_fn *fn)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct removal removal = {.op = op, .client = client};

    PS_TRY(json_new(&parser));
    removal.parser = parser;
    return catalog_list(op->keeper->known, CATALOG_FAMILY, ps_bytes(NULL, 0), UINT32_MAX, fn,
                        &removal);
}

bool client_remove_check(struct operation *op)
{
    ROW_AUTO row = {.parser = NULL};
    struct client_record record;
    enum ps_err err;

    if (!find_client(op, &row, &record) || is_the_caller(op) ||
        !way_in_stays(op, &(struct way_in_closing){.client = record.name})) {
        return false;
    }
    err = each_family(op, record.name, lock_family);
    if (err != PS_OK) {
        operation_refuse_error(op, err);
    }
    return err == PS_OK;
}

static enum ps_err remove_row(const struct removal *removal, const struct catalog_row *row)
{
    if (removal->op->change_count == CHANGES_MAX) {
        return ps_fail(PS_E_STATE, 0,
                       "the client has too many grants and families: revoke some first");
    }
    operation_remove(removal->op, row->kind, row->name, row->revision);
    return PS_OK;
}

static enum ps_err remove_family(void *context, const struct catalog_row *row)
{
    const struct removal *removal = context;
    bool is_its;

    PS_TRY(read_family(removal, row, &is_its));
    return is_its ? remove_row(removal, row) : PS_OK;
}

static enum ps_err remove_grant(void *context, const struct catalog_row *row)
{
    struct removal *removal = context;
    struct grant_record grant;
    struct json_value body;

    PS_TRY(json_parse(removal->parser, row->body, &JSON_LIMITS_REQUEST, &body));
    PS_TRY(grant_record_read(body, &grant));
    return ps_bytes_equal(grant.client, removal->client) ? remove_row(removal, row) : PS_OK;
}

enum ps_err client_remove_rows(struct operation *op)
{
    ROW_AUTO row = {.parser = NULL};
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct removal removal = {.op = op};

    PS_TRY(document_text(op->params, "client", &removal.client));
    PS_TRY(row_read(op->keeper, CATALOG_CLIENT, removal.client, &row));
    PS_TRY(json_new(&parser));
    removal.parser = parser;
    op->status = 200;
    operation_remove(op, CATALOG_CLIENT, removal.client, row.revision);
    PS_TRY(catalog_list(op->keeper->known, CATALOG_GRANT, ps_bytes(NULL, 0), UINT32_MAX,
                        remove_grant, &removal));
    return each_family(op, removal.client, remove_family);
}

enum ps_err client_describe(struct operation *op, struct writer *json)
{
    ROW_AUTO row = {.parser = NULL};
    struct client_record record;
    struct ps_bytes name;

    if (document_text(op->params, "name", &name) != PS_OK) {
        PS_TRY(document_text(op->params, "client", &name));
    }
    if (strcmp(op->type->name, "client.remove") == 0) {
        writer_text(json, "removed", name);
        return PS_OK;
    }
    PS_TRY(row_read_new(op, CATALOG_CLIENT, name, &row));
    PS_TRY(client_record_read(row.body, &record));
    read_put_client(&record, row.revision, json);
    ps_buf_put_decimal(&op->etag, row.revision);
    ps_buf_printf(&op->location, "/v1/clients/%.*s", PS_BYTES_FMT(name));
    return PS_OK;
}
