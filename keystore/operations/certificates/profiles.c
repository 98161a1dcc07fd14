#include "keystore/certificates/profiles.h"

#include "keystore/operations/internal.h"

#include "keystore/operations/certificates/handlers.h"
#include "keystore/reads/reads.h"

/* Profiles: the rules under which clients are issued certificates without people being asked. */

struct profile_request {
    struct ps_bytes crl_url;
    struct ps_bytes issuer;
    struct ps_bytes kind;
    uint64_t longest_s;
    bool proof;
    struct json_value purposes;
    struct json_value sans;
    struct json_value subject;
};

static const struct json_field request_fields[] = {
    JSON_FIELD(struct profile_request, crl_url, JSON_KIND_STRING, false, PROFILE_URL_MAX),
    JSON_FIELD(struct profile_request, issuer, JSON_KIND_NAME, true, PS_NAME_MAX),
    JSON_FIELD(struct profile_request, kind, JSON_KIND_STRING, true, 32),
    JSON_FIELD(struct profile_request, longest_s, JSON_KIND_U64, true, 0),
    JSON_FIELD(struct profile_request, proof, JSON_KIND_BOOL, false, 0),
    JSON_FIELD(struct profile_request, purposes, JSON_KIND_ARRAY, false, 0),
    JSON_FIELD(struct profile_request, sans, JSON_KIND_ARRAY, false, 0),
    JSON_FIELD(struct profile_request, subject, JSON_KIND_OBJECT, false, 0),
};

/* --- Parameters --- */

static void put_value(struct writer *json, const char *name, struct json_value value,
                      const char *otherwise)
{
    writer_raw(json, name, value.doc == NULL ? ps_bytes_str(otherwise) : ps_bytes(NULL, 0));
    if (value.doc != NULL && json_put_canonical(value, json->out) != PS_OK &&
        json->out->err == PS_OK) {
        json->out->err = PS_E_INPUT;
    }
}

static void put_params(const struct profile_record *record, struct ps_buf *out)
{
    struct writer json = writer(out);

    writer_begin_object(&json, NULL);
    writer_text(&json, "crl_url", record->crl_url);
    writer_text(&json, "issuer", record->key);
    writer_str(&json, "kind", x509_kind_info(record->kind)->name);
    writer_decimal(&json, "longest_s", record->longest_s);
    writer_text(&json, "name", record->name);
    writer_bool(&json, "proof", record->proof);
    put_value(&json, "purposes", record->purposes, "[]");
    put_value(&json, "sans", record->sans, "[]");
    put_value(&json, "subject", record->subject, "{}");
    writer_end_object(&json);
}

/* The form of the row that it will be, and what its kind allows. */
static enum ps_err check_form(const struct profile_record *record)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    PS_BUF_AUTO text = {.max = LOG_ENTRY_MAX};
    struct profile_record read;
    struct json_value row;

    PS_TRY(json_new(&parser));
    profile_record_put(record, &text);
    PS_TRY(ps_buf_status(&text));
    PS_TRY(json_parse(parser, ps_buf_bytes(&text), &JSON_LIMITS_REQUEST, &row));
    PS_TRY(profile_record_read(row, &read));
    return profile_check(&read);
}

static enum ps_err read_request(struct operation *op, struct json_value body,
                                struct profile_record *record)
{
    struct profile_request request = {.proof = true};

    PS_TRY(json_read_object(body, request_fields, PS_COUNT_OF(request_fields), &request, NULL));
    *record = (struct profile_record){.name = ps_buf_bytes(&op->subject),
                                      .kind = x509_kind_by_name(request.kind),
                                      .key = request.issuer,
                                      .crl_url = request.crl_url,
                                      .longest_s = request.longest_s,
                                      .proof = request.proof,
                                      .sans = request.sans,
                                      .purposes = request.purposes,
                                      .subject = request.subject};
    if (record->kind == X509_KIND_NONE) {
        return ps_fail(PS_E_INPUT, 0, "`kind`: there is no such kind of certificate");
    }
    return check_form(record);
}

bool profile_put_resolve(struct operation *op, struct json_value body)
{
    struct profile_record record;
    const enum ps_err err = read_request(op, body, &record);

    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    put_params(&record, &op->resolved);
    return true;
}

static enum ps_err read_params(const struct operation *op, struct profile_record *ret_record)
{
    struct profile_record record = {.name = {NULL, 0}};
    struct json_value value;
    struct ps_bytes text;

    PS_TRY(document_text(op->params, "name", &record.name));
    PS_TRY(document_text(op->params, "issuer", &record.key));
    PS_TRY(document_text(op->params, "crl_url", &record.crl_url));
    PS_TRY(document_number(op->params, "longest_s", &record.longest_s));
    PS_TRY(document_text(op->params, "kind", &text));
    record.kind = x509_kind_by_name(text);
    record.proof = json_member(op->params, "proof", &value) && json_type(value) == JSON_TRUE;
    if (record.kind == X509_KIND_NONE || !json_member(op->params, "sans", &record.sans) ||
        !json_member(op->params, "purposes", &record.purposes) ||
        !json_member(op->params, "subject", &record.subject)) {
        return ps_fail(PS_E_INPUT, 0, "not the parameters of a profile");
    }
    *ret_record = record;
    return PS_OK;
}

/* --- Putting --- */

static bool has_issuer(struct operation *op, const struct profile_record *record)
{
    const struct key *key = keys_find(op->keeper->keys, record->key);

    if (key == NULL || key->usage != PS_USAGE_CERTIFY || !key_has_format(key, PS_FORMAT_X509)) {
        operation_refuse(op, PS_PROBLEM_REFUSED,
                         "`issuer`: no key of usage certify with the format x509");
        return false;
    }
    return true;
}

/* False: there is one that says the same, or the catalog cannot be read; answered. */
static bool differs_from_present(struct operation *op, const struct profile_record *wanted)
{
    ROW_AUTO row = {.parser = NULL};
    struct profile_record present;
    struct writer json = writer(&op->body);
    enum ps_err err = row_read(op->keeper, CATALOG_PROFILE, wanted->name, &row);
    PS_BUF_AUTO a = {.max = LOG_ENTRY_MAX};
    PS_BUF_AUTO b = {.max = LOG_ENTRY_MAX};

    if (err == PS_E_NOT_FOUND) {
        return true;
    }
    if (err == PS_OK) {
        err = profile_record_read(row.body, &present);
    }
    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    ps_buf_put_decimal(&op->etag, row.revision);
    profile_record_put(wanted, &a);
    profile_record_put(&present, &b);
    if (!ps_bytes_equal(ps_buf_bytes(&a), ps_buf_bytes(&b))) {
        return true;
    }
    writer_begin_object(&json, NULL);
    read_put_profile(&present, row.revision, &json);
    writer_end_object(&json);
    operation_exists(op);
    return false;
}

bool profile_put_check(struct operation *op)
{
    struct profile_record record;
    enum ps_err err = read_params(op, &record);

    if (err == PS_OK) {
        err = check_form(&record);
    }
    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    operation_lock(op, "profile", record.name);
    return has_issuer(op, &record) && differs_from_present(op, &record);
}

enum ps_err profile_put_rows(struct operation *op)
{
    ROW_AUTO row = {.parser = NULL};
    struct profile_record record;
    enum ps_err err;

    PS_TRY(read_params(op, &record));
    err = row_read(op->keeper, CATALOG_PROFILE, record.name, &row);
    if (err != PS_OK && err != PS_E_NOT_FOUND) {
        return err;
    }
    op->status = err == PS_OK ? 200 : 201;
    profile_record_put(&record, operation_change(op, CATALOG_PROFILE, record.name,
                                                 err == PS_OK ? row.revision : 0));
    return PS_OK;
}

/* --- Removing --- */

bool profile_remove_resolve(struct operation *op, struct json_value body)
{
    struct writer json = writer(&op->resolved);

    if (json_count(body) != 0) {
        operation_refuse(op, PS_PROBLEM_MALFORMED, "this has no parameters");
        return false;
    }
    writer_begin_object(&json, NULL);
    writer_text(&json, "profile", ps_buf_bytes(&op->subject));
    writer_end_object(&json);
    return true;
}

static enum ps_err find_row(struct operation *op, struct ps_bytes *ret_name, struct row *row)
{
    PS_TRY(document_text(op->params, "profile", ret_name));
    return row_read(op->keeper, CATALOG_PROFILE, *ret_name, row);
}

bool profile_remove_check(struct operation *op)
{
    ROW_AUTO row = {.parser = NULL};
    struct ps_bytes name;
    const enum ps_err err = find_row(op, &name, &row);

    if (err == PS_E_NOT_FOUND) {
        operation_refuse(op, PS_PROBLEM_NOT_FOUND, "there is no such profile");
        return false;
    }
    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    ps_buf_put_decimal(&op->etag, row.revision);
    operation_lock(op, "profile", name);
    return true;
}

enum ps_err profile_remove_rows(struct operation *op)
{
    ROW_AUTO row = {.parser = NULL};
    struct ps_bytes name;

    PS_TRY(find_row(op, &name, &row));
    operation_remove(op, CATALOG_PROFILE, name, row.revision);
    op->status = 200;
    return PS_OK;
}

enum ps_err profile_describe(struct operation *op, struct writer *json)
{
    ROW_AUTO row = {.parser = NULL};
    struct profile_record record;
    struct ps_bytes name;

    if (document_text(op->params, "profile", &name) == PS_OK) {
        writer_text(json, "removed", name);
        return PS_OK;
    }
    PS_TRY(document_text(op->params, "name", &name));
    PS_TRY(row_read_new(op, CATALOG_PROFILE, name, &row));
    PS_TRY(profile_record_read(row.body, &record));
    read_put_profile(&record, row.revision, json);
    ps_buf_put_decimal(&op->etag, row.revision);
    ps_buf_printf(&op->location, "/v1/x509/profiles/%.*s", PS_BYTES_FMT(name));
    return PS_OK;
}
