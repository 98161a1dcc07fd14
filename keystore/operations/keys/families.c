#include "keystore/operations/keys/family.h"

#include "keystore/operations/keys/key_params.h"
#include "keystore/operations/keys/new_key.h"
#include "keystore/reads/reads.h"

/* Families are made, suspended, resumed and revoked by people. */

struct family_request {
    struct ps_bytes client;
    uint64_t maximum;
    struct json_value template;
};

static const struct json_field request_fields[] = {
    JSON_FIELD(struct family_request, client, JSON_KIND_NAME, true, PS_NAME_MAX),
    JSON_FIELD(struct family_request, maximum, JSON_KIND_U64, true, FAMILY_MAXIMUM),
    JSON_FIELD(struct family_request, template, JSON_KIND_OBJECT, true, 0),
};

/* --- Creating --- */

static enum ps_err read_request(struct operation *op, struct json_value body,
                                struct family_record *family)
{
    struct family_request request = {.maximum = 0};

    PS_TRY(json_read_object(body, request_fields, PS_COUNT_OF(request_fields), &request, NULL));
    if (op->subject.len == 0) {
        return ps_fail(PS_E_INPUT, 0, "`subject` is missing: the prefix of the family's keys");
    }
    *family = (struct family_record){
        .prefix = ps_buf_bytes(&op->subject), .client = request.client, .maximum = request.maximum};
    PS_TRY(new_key_read_template(request.template, family->prefix, &family->key));
    if (family->maximum == 0) {
        return ps_fail(PS_E_INPUT, 0, "`maximum`: at least 1");
    }
    if (family->key.token.len == 0) {
        family->key.token = ps_bytes_str(op->keeper->appliance.token);
    }
    return new_key_check_form(&family->key);
}

bool family_create_resolve(struct operation *op, struct json_value body)
{
    struct family_record family;
    struct token_view view = {.number = 0};
    const enum ps_err err = read_request(op, body, &family);

    if (err == PS_E_STATE) {
        operation_refuse(op, PS_PROBLEM_REFUSED, "%s", ps_detail()->text);
    } else if (err != PS_OK) {
        operation_refuse_error(op, err);
    }
    if (err != PS_OK || !new_key_find_token(op, family.key.token, &view)) {
        return false;
    }
    key_params_put(&family.key, &(struct new_ids){.terms = &family}, &view, &op->resolved);
    return true;
}

/* Two families with one prefix within the other would have one name between them. */
struct overlap {
    struct ps_bytes prefix;
    struct ps_bytes other; /* empty: there is none */
};

static enum ps_err find_overlap(void *context, const struct catalog_row *row)
{
    struct overlap *overlap = context;

    if (ps_bytes_starts_with(row->name, overlap->prefix) ||
        ps_bytes_starts_with(overlap->prefix, row->name)) {
        overlap->other = row->name;
    }
    return PS_OK;
}

static bool overlaps_none(struct operation *op, const struct family_record *family)
{
    struct overlap overlap = {.prefix = family->prefix};
    const enum ps_err err = catalog_list(op->keeper->known, CATALOG_FAMILY, ps_bytes(NULL, 0),
                                         UINT32_MAX, find_overlap, &overlap);

    if (err != PS_OK) {
        operation_refuse_error(op, err);
    } else if (overlap.other.len != 0) {
        operation_refuse(op, PS_PROBLEM_CONFLICT,
                         "`prefix`: names of the family %.*s are among them",
                         PS_BYTES_FMT(overlap.other));
    }
    return err == PS_OK && overlap.other.len == 0;
}

static void put_body(struct operation *op, const struct family_record *family, uint64_t revision)
{
    struct writer json = writer(&op->body);

    writer_begin_object(&json, NULL);
    read_put_family(family, revision, &json);
    writer_end_object(&json);
}

/* False: there is one of this prefix, or the catalog cannot be read; answered. */
static bool is_new(struct operation *op, const struct family_record *wanted)
{
    ROW_AUTO row = {.parser = NULL};
    struct family_record present;
    const enum ps_err err = family_read(op->keeper, wanted->prefix, &row, &present);

    if (err == PS_E_NOT_FOUND) {
        return true;
    }
    if (err != PS_OK) {
        operation_refuse_error(op, err);
    } else if (!family_record_is_alike(wanted, &present)) {
        operation_refuse(op, PS_PROBLEM_CONFLICT, "a family of this prefix exists with others");
    } else {
        ps_buf_put_decimal(&op->etag, row.revision);
        put_body(op, &present, row.revision);
        operation_exists(op);
    }
    return false;
}

static bool has_its_client(struct operation *op, const struct family_record *family)
{
    ROW_AUTO row = {.parser = NULL};
    const enum ps_err err = row_read(op->keeper, CATALOG_CLIENT, family->client, &row);

    if (err == PS_E_NOT_FOUND) {
        operation_refuse(op, PS_PROBLEM_REFUSED, "`client`: there is no such client");
    } else if (err != PS_OK) {
        operation_refuse_error(op, err);
    }
    return err == PS_OK;
}

static bool obeys_rules(struct operation *op, const struct family_record *family)
{
    if (family_check_rules(family) != PS_OK) {
        operation_refuse(op, PS_PROBLEM_REFUSED, "%s", ps_detail()->text);
        return false;
    }
    return new_key_obeys_rules(op, &family->key);
}

bool family_create_check(struct operation *op)
{
    struct family_record family;
    const enum ps_err err = family_params_read(op, &family);

    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    family_lock(op, family.prefix);
    operation_lock(op, "client", family.client);
    return obeys_rules(op, &family) && has_its_client(op, &family) && is_new(op, &family) &&
           overlaps_none(op, &family) && new_key_has_its_token(op, family.key.token) &&
           new_key_can_live(op, &family.key);
}

enum ps_err family_create_rows(struct operation *op)
{
    struct family_record family;

    PS_TRY(family_params_read(op, &family));
    PS_TRY(family_check_rules(&family));
    family_record_put(&family, operation_change(op, CATALOG_FAMILY, family.prefix, 0));
    return PS_OK;
}

/* --- Suspending, resuming and revoking --- */

bool family_state_resolve(struct operation *op, struct json_value body)
{
    struct writer json = writer(&op->resolved);

    if (json_count(body) != 0) {
        operation_refuse(op, PS_PROBLEM_MALFORMED, "this has no parameters");
        return false;
    }
    writer_begin_object(&json, NULL);
    writer_text(&json, "family", ps_buf_bytes(&op->subject));
    writer_end_object(&json);
    return true;
}

static enum ps_err read_named(struct operation *op, struct row *row,
                              struct family_record *ret_family)
{
    struct ps_bytes prefix;

    PS_TRY(document_text(op->params, "family", &prefix));
    return family_read(op->keeper, prefix, row, ret_family);
}

static bool find(struct operation *op, struct row *row, struct family_record *ret_family)
{
    const enum ps_err err = read_named(op, row, ret_family);

    if (err == PS_E_NOT_FOUND) {
        operation_refuse(op, PS_PROBLEM_NOT_FOUND, "there is no such family");
    } else if (err != PS_OK) {
        operation_refuse_error(op, err);
    } else {
        ps_buf_put_decimal(&op->etag, row->revision);
        family_lock(op, ret_family->prefix);
    }
    return err == PS_OK;
}

static bool wants_suspended(const struct operation *op)
{
    return strcmp(op->type->name, "family.suspend") == 0;
}

bool family_state_check(struct operation *op)
{
    ROW_AUTO row = {.parser = NULL};
    struct family_record family;

    if (!find(op, &row, &family)) {
        return false;
    }
    if (family.suspended == wants_suspended(op)) {
        put_body(op, &family, row.revision);
        operation_exists(op);
        return false;
    }
    return true;
}

enum ps_err family_state_rows(struct operation *op)
{
    ROW_AUTO row = {.parser = NULL};
    struct family_record family;

    PS_TRY(read_named(op, &row, &family));
    family.suspended = wants_suspended(op);
    family_record_put(&family, operation_change(op, CATALOG_FAMILY, family.prefix, row.revision));
    return PS_OK;
}

bool family_revoke_check(struct operation *op)
{
    ROW_AUTO row = {.parser = NULL};
    struct family_record family;

    return find(op, &row, &family);
}

enum ps_err family_revoke_rows(struct operation *op)
{
    ROW_AUTO row = {.parser = NULL};
    struct family_record family;

    PS_TRY(read_named(op, &row, &family));
    operation_remove(op, CATALOG_FAMILY, family.prefix, row.revision);
    op->status = 200;
    return PS_OK;
}

enum ps_err family_describe(struct operation *op, struct writer *json)
{
    ROW_AUTO row = {.parser = NULL};
    struct family_record family;
    struct ps_bytes prefix;

    if (document_text(op->params, "prefix", &prefix) != PS_OK) {
        PS_TRY(document_text(op->params, "family", &prefix));
    }
    if (strcmp(op->type->name, "family.revoke") == 0) {
        writer_text(json, "revoked", prefix);
        return PS_OK;
    }
    PS_TRY(row_read_new(op, CATALOG_FAMILY, prefix, &row));
    PS_TRY(family_record_read(row.body, &family));
    read_put_family(&family, row.revision, json);
    ps_buf_put_decimal(&op->etag, row.revision);
    ps_buf_printf(&op->location, "/v1/families/%.*s", PS_BYTES_FMT(prefix));
    return PS_OK;
}
