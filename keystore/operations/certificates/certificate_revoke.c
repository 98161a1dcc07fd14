#include "keystore/operations/internal.h"

#include "keystore/certificates/revocations.h"
#include "keystore/operations/certificates/handlers.h"

/*
 * A certificate of one of our issuers is not to be trusted any more. It is named by its serial, as
 * every certificate tells it and the log has it; the next list says so to everybody.
 */

struct revoke_request {
    struct ps_bytes reason_code;
    struct ps_bytes serial;
};

static const struct json_field request_fields[] = {
    JSON_FIELD(struct revoke_request, reason_code, JSON_KIND_STRING, false, 0),
    JSON_FIELD(struct revoke_request, serial, JSON_KIND_STRING, true, 2 * X509_SERIAL_MAX),
};

/* Octets of a serial in hexadecimal, leading zeros and all. */
static enum ps_err read_serial(struct ps_bytes text, struct ps_buf *out)
{
    if (ps_hex_decode(text, out) != PS_OK || out->len == 0 || out->data[0] == 0) {
        return ps_fail(PS_E_INPUT, 0,
                       "`serial`: 1 to 20 octets in lower case hexadecimal, without "
                       "zero octets in front");
    }
    return PS_OK;
}

static enum ps_err put_params(const struct operation *op, const struct revoke_request *request,
                              struct ps_buf *out)
{
    struct writer json = writer(out);
    enum x509_reason reason = X509_REASON_UNSPECIFIED;
    PS_BUF_AUTO serial;

    ps_buf_init(&serial, X509_SERIAL_MAX);
    PS_TRY(read_serial(request->serial, &serial));
    if (request->reason_code.len != 0 && !x509_reason_by_name(request->reason_code, &reason)) {
        return ps_fail(PS_E_INPUT, 0,
                       "`reason_code`: one of unspecified, key-compromise, ca-compromise, "
                       "affiliation-changed, superseded, cessation-of-operation and "
                       "privilege-withdrawn");
    }
    writer_begin_object(&json, NULL);
    writer_text(&json, "issuer", ps_buf_bytes(&op->subject));
    writer_str(&json, "reason_code", x509_reason_name(reason));
    writer_text(&json, "serial", request->serial);
    writer_end_object(&json);
    return ps_buf_status(out);
}

bool certificate_revoke_resolve(struct operation *op, struct json_value body)
{
    struct revoke_request request = {.reason_code = {NULL, 0}};
    enum ps_err err =
        json_read_object(body, request_fields, PS_COUNT_OF(request_fields), &request, NULL);

    if (err == PS_OK) {
        err = put_params(op, &request, &op->resolved);
    }
    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    return true;
}

/* What the parameters say; serial: room for its octets, which the record borrows. */
static enum ps_err read_params(const struct operation *op, struct ps_buf *serial,
                               struct revocation_record *ret_record)
{
    struct ps_bytes text;

    *ret_record = (struct revocation_record){.key = {NULL, 0}};
    PS_TRY(document_text(op->params, "issuer", &ret_record->key));
    PS_TRY(document_text(op->params, "reason_code", &ret_record->reason));
    PS_TRY(document_text(op->params, "serial", &text));
    PS_TRY(read_serial(text, serial));
    ret_record->serial = ps_buf_bytes(serial);
    return PS_OK;
}

/* Why not; PS_PROBLEM_NONE: it can. */
static enum ps_problem check_issuer(const struct operation *op, struct ps_bytes name,
                                    const char **ret_detail)
{
    const struct x509_revoked *list;
    const struct key *key = keys_find(op->keeper->keys, name);

    *ret_detail = "there is no such key";
    if (key == NULL) {
        return PS_PROBLEM_NOT_FOUND;
    }
    if (key->usage != PS_USAGE_CERTIFY || !key_has_format(key, PS_FORMAT_X509)) {
        *ret_detail = "the key issues no certificates";
        return PS_PROBLEM_KEY_MISMATCH;
    }
    if (revocations_of(op->keeper->revocations, name, &list) >= REVOCATIONS_MAX) {
        *ret_detail = "the issuer's list has no room for more; give it a successor";
        return PS_PROBLEM_WRONG_STATE;
    }
    return PS_PROBLEM_NONE;
}

static void put_revocation(const struct revocation_record *record, struct writer *json)
{
    PS_BUF_AUTO serial;

    ps_buf_init(&serial, 2 * X509_SERIAL_MAX);
    ps_buf_put_hex(&serial, record->serial);
    writer_text(json, "issuer", record->key);
    writer_text(json, "reason_code", record->reason);
    writer_time_s(json, "revoked", record->revoked_s);
    writer_text(json, "serial", ps_buf_bytes(&serial));
}

/* PS_E_NOT_FOUND: it is not revoked. */
static enum ps_err read_present(struct operation *op, struct ps_bytes name, struct row *row,
                                struct revocation_record *ret_record)
{
    PS_TRY(row_read_new(op, CATALOG_REVOCATION, name, row));
    return revocation_record_read(row->body, ret_record);
}

/* False: it is revoked already, or the catalog cannot be read; answered. */
static bool is_new(struct operation *op, struct ps_bytes name)
{
    ROW_AUTO row = {.parser = NULL};
    struct revocation_record present;
    struct writer json = writer(&op->body);
    const enum ps_err err = read_present(op, name, &row, &present);

    if (err == PS_E_NOT_FOUND) {
        return true;
    }
    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    writer_begin_object(&json, NULL);
    put_revocation(&present, &json);
    writer_end_object(&json);
    operation_exists(op);
    return false;
}

bool certificate_revoke_check(struct operation *op)
{
    struct revocation_record record;
    enum ps_problem problem;
    const char *detail;
    enum ps_err err;
    PS_BUF_AUTO serial;
    PS_BUF_AUTO name;

    ps_buf_init(&serial, X509_SERIAL_MAX);
    ps_buf_init(&name, CATALOG_NAME_MAX);
    err = read_params(op, &serial, &record);
    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    problem = check_issuer(op, record.key, &detail);
    if (problem != PS_PROBLEM_NONE) {
        operation_refuse(op, problem, "%s", detail);
        return false;
    }
    revocation_record_put_name(record.key, record.serial, &name);
    operation_lock(op, "revocation", ps_buf_bytes(&name));
    return is_new(op, ps_buf_bytes(&name));
}

enum ps_err certificate_revoke_rows(struct operation *op)
{
    struct revocation_record record;
    PS_BUF_AUTO serial;
    PS_BUF_AUTO name;

    ps_buf_init(&serial, X509_SERIAL_MAX);
    ps_buf_init(&name, CATALOG_NAME_MAX);
    PS_TRY(read_params(op, &serial, &record));
    record.revoked_s = retrace_now_s(op);
    revocation_record_put_name(record.key, record.serial, &name);
    revocation_record_put(&record,
                          operation_change(op, CATALOG_REVOCATION, ps_buf_bytes(&name), 0));
    return PS_OK;
}

enum ps_err certificate_revoke_describe(struct operation *op, struct writer *json)
{
    ROW_AUTO row = {.parser = NULL};
    struct revocation_record record;
    PS_BUF_AUTO serial;
    PS_BUF_AUTO name;

    ps_buf_init(&serial, X509_SERIAL_MAX);
    ps_buf_init(&name, CATALOG_NAME_MAX);
    PS_TRY(read_params(op, &serial, &record));
    revocation_record_put_name(record.key, record.serial, &name);
    PS_TRY(read_present(op, ps_buf_bytes(&name), &row, &record));
    put_revocation(&record, json);
    ps_buf_printf(&op->location, "/v1/x509/crl/%.*s", PS_BYTES_FMT(record.key));
    return PS_OK;
}
