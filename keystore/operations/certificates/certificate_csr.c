#include "keystore/operations/certificates/certificate.h"

#include "keystore/operations/certificates/handlers.h"
#include "keystore/operations/keys/key_params.h"
#include "keystore/operations/sign.h"
#include "lib/formats/pem.h"
#include "lib/formats/x509/csr.h"

/*
 * A request for a certificate that another CA is to give: signed by the key itself, so that the CA
 * sees who holds it. It changes nothing; the request stands in the operation's own row.
 */

struct csr_request {
    struct ps_bytes key;
    struct json_value sans;
    struct json_value subject;
    uint32_t version; /* 0: the newest */
};

static const struct json_field request_fields[] = {
    JSON_FIELD(struct csr_request, key, JSON_KIND_NAME, false, PS_NAME_MAX),
    JSON_FIELD(struct csr_request, sans, JSON_KIND_ARRAY, false, 0),
    JSON_FIELD(struct csr_request, subject, JSON_KIND_OBJECT, true, 0),
    JSON_FIELD(struct csr_request, version, JSON_KIND_U32, false, 0),
};

static void put_params(struct operation *op, const struct key_version *version,
                       const struct x509_subject *subject, const struct x509_sans *sans)
{
    struct writer json = writer(&op->resolved);

    writer_begin_object(&json, NULL);
    key_params_put_class(key_class_of(version->key), &json);
    writer_str(&json, "key", version->key->name);
    certificate_put_sans(sans, &json);
    writer_raw(&json, "subject", ps_bytes(NULL, 0));
    x509_subject_put_json(subject, &op->resolved);
    writer_decimal(&json, "version", version->number);
    writer_end_object(&json);
}

bool certificate_csr_resolve(struct operation *op, struct json_value body)
{
    struct csr_request request = {.version = 0};
    const struct key_version *version;
    struct x509_subject subject;
    struct x509_sans sans;
    enum ps_err err =
        json_read_object(body, request_fields, PS_COUNT_OF(request_fields), &request, NULL);

    if (err == PS_OK) {
        err = certificate_read_names(body, &subject, &sans);
    }
    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    version = certificate_find_version(op, request.key, request.version);
    if (version == NULL) {
        return false;
    }
    put_params(op, version, &subject, &sans);
    return true;
}

static enum ps_err put_info(const struct operation *op, const struct key_version *version,
                            struct ps_buf *out)
{
    struct x509_subject subject;
    struct x509_sans sans;

    PS_TRY(certificate_read_names(op->params, &subject, &sans));
    return x509_put_csr_info(&subject, &sans, version_spki(version), out);
}

bool certificate_csr_check(struct operation *op)
{
    const struct key_version *version = certificate_take_version(op);
    PS_BUF_AUTO info = {.max = X509_CSR_MAX};
    enum ps_err err;

    if (version == NULL) {
        return false;
    }
    if (version->key->algorithm_count == 0) {
        operation_refuse(op, PS_PROBLEM_KEY_MISMATCH,
                         "a key that signs nothing asks for no certificate: issue one for it");
        return false;
    }
    err = put_info(op, version, &info);
    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    return true;
}

static void on_signed(struct operation *op, const struct signed_octets *made)
{
    PS_BUF_AUTO der = {.max = X509_CSR_MAX};
    PS_BUF_AUTO pem = {.max = 2 * X509_CSR_MAX};
    struct writer json = writer(&op->result);
    struct key *key;
    uint32_t number;
    enum ps_err err = key_params_subject(op, &key, &number);

    if (err == PS_OK) {
        err = x509_put_signed(made->message, key->algorithms[0], made->signature, &der);
    }
    if (err != PS_OK) {
        operation_failed_error(op, err);
        return;
    }
    pem_put("CERTIFICATE REQUEST", ps_buf_bytes(&der), &pem);
    writer_begin_object(&json, NULL);
    writer_text(&json, "csr", ps_buf_bytes(&pem));
    writer_end_object(&json);
    operation_done(op);
}

void certificate_csr_execute(struct operation *op)
{
    PS_BUF_AUTO info = {.max = X509_CSR_MAX};
    struct key *key;
    uint32_t number;
    enum ps_err err = key_params_subject(op, &key, &number);
    struct key_version *version = err == PS_OK ? key_version(key, number) : NULL;

    if (err == PS_OK && version == NULL) {
        err = ps_fail(PS_E_NOT_FOUND, 0, "the key has no such version");
    }
    if (err == PS_OK) {
        err = put_info(op, version, &info);
    }
    if (err != PS_OK) {
        operation_failed_error(op, err);
        return;
    }
    operation_sign(op,
                   &(struct sign_wish){.version = version,
                                       .algorithm = key->algorithms[0],
                                       .message = ps_buf_bytes(&info),
                                       .use = "csr",
                                       .format = PS_FORMAT_X509},
                   on_signed);
}

enum ps_err certificate_csr_describe(struct operation *op, struct writer *json)
{
    struct key *key;
    uint32_t number;

    PS_TRY(key_params_subject(op, &key, &number));
    writer_str(json, "key", key->name);
    writer_number(json, "version", number);
    if (op->result.len != 0) {
        writer_raw(json, "result", ps_buf_bytes(&op->result));
    }
    ps_buf_printf(&op->location, "/v1/operations/%s", op->id);
    op->status = 201;
    return ps_buf_status(&op->result);
}
