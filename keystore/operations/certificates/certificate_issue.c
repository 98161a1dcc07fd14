#include "keystore/operations/certificates/certificate.h"

#include "keystore/operations/certificates/handlers.h"
#include "keystore/operations/keys/key_params.h"
#include "keystore/operations/sign.h"
#include "lib/base/encode.h"

#include <assert.h>

/*
 * A certificate for a key of ours by a key of ours: an issuer key's for another one, or a root's
 * for itself. A key that only decrypts gets one so without having signed for it: the appliance
 * knows that it holds it.
 */

#define BACKDATED_S 300u /* a reader's clock may be late by so much */
#define NO_PATH_LEN UINT32_MAX

struct issue_request {
    struct ps_bytes issuer;
    struct ps_bytes key;
    uint32_t path_len; /* CAs that may follow below; NO_PATH_LEN: it is not said */
    struct json_value sans;
    struct json_value subject;
    uint64_t validity_s;
    uint32_t version; /* 0: the newest */
};

static const struct json_field issue_fields[] = {
    JSON_FIELD(struct issue_request, issuer, JSON_KIND_NAME, true, PS_NAME_MAX),
    JSON_FIELD(struct issue_request, key, JSON_KIND_NAME, false, PS_NAME_MAX),
    JSON_FIELD(struct issue_request, path_len, JSON_KIND_U32, false, 127),
    JSON_FIELD(struct issue_request, sans, JSON_KIND_ARRAY, false, 0),
    JSON_FIELD(struct issue_request, subject, JSON_KIND_OBJECT, true, 0),
    JSON_FIELD(struct issue_request, validity_s, JSON_KIND_U64, true, 0),
    JSON_FIELD(struct issue_request, version, JSON_KIND_U32, false, 0),
};

static const struct json_field root_fields[] = {
    JSON_FIELD(struct issue_request, key, JSON_KIND_NAME, false, PS_NAME_MAX),
    JSON_FIELD(struct issue_request, path_len, JSON_KIND_U32, false, 127),
    JSON_FIELD(struct issue_request, subject, JSON_KIND_OBJECT, true, 0),
    JSON_FIELD(struct issue_request, validity_s, JSON_KIND_U64, true, 0),
    JSON_FIELD(struct issue_request, version, JSON_KIND_U32, false, 0),
};

static bool is_root(const struct operation *op)
{
    return strcmp(op->type->name, "certificate.root") == 0;
}

/* --- From a request to parameters --- */

static enum ps_err read_request(const struct operation *op, struct json_value body,
                                struct issue_request *request)
{
    request->path_len = NO_PATH_LEN;
    return is_root(op)
               ? json_read_object(body, root_fields, PS_COUNT_OF(root_fields), request, NULL)
               : json_read_object(body, issue_fields, PS_COUNT_OF(issue_fields), request, NULL);
}

/* What is not said of an intermediate: no CA below it. */
static void put_path_len(uint32_t asked, enum x509_kind kind, struct writer *json)
{
    const uint32_t path_len = asked == NO_PATH_LEN && kind == X509_KIND_INTERMEDIATE ? 0 : asked;

    if (path_len != NO_PATH_LEN) {
        writer_decimal(json, "path_len", path_len);
    }
}

static enum ps_err put_params(struct operation *op, const struct issue_request *request,
                              struct json_value body, const struct key_version *version)
{
    const enum x509_kind kind = is_root(op) ? X509_KIND_ROOT : certificate_kind_of(version->key);
    struct writer json = writer(&op->resolved);
    uint8_t random[X509_SERIAL_LEN];
    uint8_t serial[X509_SERIAL_LEN];
    struct x509_subject subject;
    struct x509_sans sans;

    if (kind == X509_KIND_NONE) {
        return ps_fail(PS_E_DENIED, 0, "a key of this usage has no certificate");
    }
    PS_TRY(certificate_read_names(body, &subject, &sans));
    ps_random(random, sizeof random);
    x509_serial(ps_bytes(random, sizeof random), serial); /* as the certificate will have it */
    writer_begin_object(&json, NULL);
    key_params_put_class(key_class_of(version->key), &json);
    writer_text_if(&json, "issuer", request->issuer);
    writer_str(&json, "key", version->key->name);
    writer_str(&json, "kind", x509_kind_info(kind)->name);
    put_path_len(request->path_len, kind, &json);
    certificate_put_sans(&sans, &json);
    writer_hex(&json, "serial", ps_bytes(serial, sizeof serial));
    writer_raw(&json, "subject", ps_bytes(NULL, 0));
    x509_subject_put_json(&subject, &op->resolved);
    writer_decimal(&json, "validity_s", request->validity_s);
    writer_decimal(&json, "version", version->number);
    writer_end_object(&json);
    return ps_buf_status(&op->resolved);
}

bool certificate_issue_resolve(struct operation *op, struct json_value body)
{
    struct issue_request request = {.version = 0};
    const struct key_version *version;
    enum ps_err err = read_request(op, body, &request);

    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    version = certificate_find_version(op, request.key, request.version);
    if (version == NULL) {
        return false;
    }
    err = put_params(op, &request, body, version);
    if (err == PS_E_DENIED) {
        operation_refuse(op, PS_PROBLEM_KEY_MISMATCH, "%s", ps_detail()->text);
    } else if (err != PS_OK) {
        operation_refuse_error(op, err);
    }
    return err == PS_OK;
}

/* --- What is issued --- */

struct issue_params {
    struct key_version *version;
    struct key_version *issuer; /* that of the key itself for a root */
    enum x509_kind kind;
    uint32_t path_len; /* NO_PATH_LEN: none */
    struct x509_sans sans;
    struct x509_subject subject;
    uint64_t validity_s;
    uint8_t serial[X509_SERIAL_LEN];
};

static enum ps_err take_serial(const struct operation *op, struct issue_params *params)
{
    struct ps_bytes text;
    PS_BUF_AUTO octets = {.max = X509_SERIAL_LEN};

    PS_TRY(document_text(op->params, "serial", &text));
    PS_TRY(ps_hex_decode(text, &octets));
    if (octets.len != X509_SERIAL_LEN) {
        return ps_fail(PS_E_INPUT, 0, "serial: not %u octets", X509_SERIAL_LEN);
    }
    memcpy(params->serial, octets.data, X509_SERIAL_LEN);
    return PS_OK;
}

static enum ps_err take_path_len(const struct operation *op, struct issue_params *params)
{
    struct json_value value;
    uint64_t number = NO_PATH_LEN;

    if (json_member(op->params, "path_len", &value)) {
        PS_TRY(document_number(op->params, "path_len", &number));
    }
    params->path_len = (uint32_t)number;
    return PS_OK;
}

/* The one that signs now, with its certificate. Errors: PS_E_DENIED. */
static enum ps_err find_issuer(const struct operation *op, struct key_version **ret_issuer)
{
    struct key_version *version;
    struct ps_bytes name;
    struct key *key;

    PS_TRY(document_text(op->params, "issuer", &name));
    key = keys_find(op->keeper->keys, name);
    if (key == NULL || key->usage != PS_USAGE_CERTIFY || !key_has_format(key, PS_FORMAT_X509)) {
        return ps_fail(PS_E_DENIED, 0, "`issuer`: no key of usage certify with the format x509");
    }
    version = key->state == KEY_ACTIVE ? key_active(key, real_now_s()) : NULL;
    if (version == NULL || version_certificate(version) == NULL) {
        return ps_fail(PS_E_DENIED, 0,
                       "`issuer`: %s has no active version with a certificate of its own",
                       key->name);
    }
    *ret_issuer = version;
    return PS_OK;
}

/* Of the issuer, the one that signs now: a start does not know which that was. */
static enum ps_err take_params(const struct operation *op, struct issue_params *params)
{
    struct ps_bytes text;
    uint32_t number;
    struct key *key;

    PS_TRY(key_params_subject(op, &key, &number));
    params->version = key_version(key, number);
    if (params->version == NULL) {
        return ps_fail(PS_E_NOT_FOUND, 0, "the key has no such version");
    }
    PS_TRY(document_text(op->params, "kind", &text));
    params->kind = x509_kind_by_name(text);
    PS_TRY(take_path_len(op, params));
    PS_TRY(take_serial(op, params));
    PS_TRY(document_number(op->params, "validity_s", &params->validity_s));
    PS_TRY(certificate_read_names(op->params, &params->subject, &params->sans));
    params->issuer = params->version;
    return is_root(op) || op->retraced.doc != NULL ? PS_OK : find_issuer(op, &params->issuer);
}

static enum ps_alg algorithm_of(const struct key_version *issuer)
{
    return issuer->key->algorithms[0];
}

/* Never before the issuer's own certificate, which would not carry it then. */
static uint64_t begin_s(const struct key_certificate *issuer)
{
    const uint64_t early = real_now_s() - BACKDATED_S;

    return issuer != NULL && issuer->not_before_s > early ? issuer->not_before_s : early;
}

static enum ps_err put_tbs_from(const struct operation *op, const struct issue_params *params,
                                uint64_t not_before_s, struct ps_buf *out)
{
    const struct key_certificate *issuer = is_root(op) ? NULL : version_certificate(params->issuer);
    struct x509_wish wish = {
        .kind = params->kind,
        .subject = &params->subject,
        .sans = &params->sans,
        .spki = version_spki(params->version),
        .algorithm = algorithm_of(params->issuer),
        .serial = ps_bytes(params->serial, sizeof params->serial),
        .not_before_s = not_before_s,
        .not_after_s = not_before_s + params->validity_s - 1,
        .path_len = params->path_len == NO_PATH_LEN ? -1 : (int)params->path_len,
    };

    /* One that has ended when it is made would be refused after people have approved it. */
    if (params->validity_s <= BACKDATED_S || params->validity_s > RECORD_SECONDS_MAX) {
        return ps_fail(PS_E_INPUT, 0,
                       "`validity_s`: over five minutes, by which it begins earlier, and at most a "
                       "hundred years");
    }
    if (issuer != NULL) {
        key_certificate_fill_issuer(issuer, &wish);
    }
    return x509_put_tbs(&wish, out);
}

static enum ps_err put_tbs(const struct operation *op, const struct issue_params *params,
                           struct ps_buf *out)
{
    const struct key_certificate *issuer = is_root(op) ? NULL : version_certificate(params->issuer);

    return put_tbs_from(op, params, begin_s(issuer), out);
}

/* --- The operation --- */

/* Where its certificates come from was approved with the key. */
static bool is_its_issuer(struct operation *op, const struct issue_params *params)
{
    const struct key *key = params->version->key;
    const char *issuer = params->issuer->key->name;

    assert(issuer != NULL); /* every key has one */
    if (params->issuer == params->version && !is_root(op)) {
        operation_refuse(op, PS_PROBLEM_REFUSED, "a key issues nothing to itself but a root's");
        return false;
    }
    if (key->rotation.certificates == KEY_CERTIFICATES_EXTERNAL ||
        (key->rotation.certificates == KEY_CERTIFICATES_INTERNAL &&
         strcmp(key->issuer, issuer) != 0)) {
        operation_refuse(op, PS_PROBLEM_KEY_MISMATCH, "the certificates of this key come from %s",
                         key->issuer[0] == 0 ? "elsewhere: install one" : key->issuer);
        return false;
    }
    return true;
}

static bool is_possible(struct operation *op, const struct issue_params *params)
{
    PS_BUF_AUTO tbs = {.max = X509_CERTIFICATE_MAX};
    enum ps_err err;

    if (!x509_kind_fits(params->kind, params->version->key->usage, params->version->key->formats)) {
        operation_refuse(op, PS_PROBLEM_KEY_MISMATCH, "a key of this usage has none of this kind");
        return false;
    }
    if (!is_its_issuer(op, params)) {
        return false;
    }
    err = put_tbs(op, params, &tbs);
    if (err == PS_E_INPUT || err == PS_E_STATE) {
        operation_refuse(op, PS_PROBLEM_REFUSED, "%s", ps_detail()->text);
    } else if (err != PS_OK) {
        operation_refuse_error(op, err);
    }
    return err == PS_OK;
}

bool certificate_issue_check(struct operation *op)
{
    struct issue_params params = {.version = NULL};
    enum ps_err err;

    if (certificate_take_version(op) == NULL) {
        return false;
    }
    err = take_params(op, &params);
    if (err == PS_E_DENIED) {
        operation_refuse(op, PS_PROBLEM_REFUSED, "%s", ps_detail()->text);
        return false;
    }
    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    if (!is_root(op)) {
        operation_lock(op, "key", ps_bytes_str(params.issuer->key->name));
    }
    return is_possible(op, &params);
}

/*
 * The request that would issue it again, for the renewals of a key that has its certificates from
 * here. A root is renewed by people only.
 */
static void put_terms(const struct operation *op, const struct issue_params *params,
                      struct ps_buf *out)
{
    struct writer json = writer(out);

    if (is_root(op)) {
        return;
    }
    writer_begin_object(&json, NULL);
    writer_str(&json, "issuer", params->issuer->key->name);
    if (params->path_len != NO_PATH_LEN) {
        writer_number(&json, "path_len", params->path_len);
    }
    certificate_put_sans(&params->sans, &json);
    writer_raw(&json, "subject", ps_bytes(NULL, 0));
    x509_subject_put_json(&params->subject, out);
    writer_number(&json, "validity_s", params->validity_s);
    writer_end_object(&json);
}

enum ps_err certificate_put_request(const struct operation *op, struct ps_buf *out)
{
    struct issue_params params = {.version = NULL};
    PS_BUF_AUTO terms = {.max = LOG_ENTRY_MAX};

    PS_TRY(take_params(op, &params));
    put_terms(op, &params, &terms);
    PS_TRY(ps_buf_status(&terms));
    ps_buf_put(out, ps_bytes(terms.data, terms.len - 1));
    ps_buf_printf(out, ",\"version\":%u}", params.version->number);
    return ps_buf_status(out);
}

/* Behind the certificate what stands behind its issuer's, but for the root. */
static enum ps_err put_chain(const struct operation *op, const struct issue_params *params,
                             struct ps_bytes certificate, struct certificate_chain *chain)
{
    const struct key_certificate *issuer = version_certificate(params->issuer);

    chain->certificates[chain->count++] = certificate;
    if (is_root(op)) {
        chain->root = certificate;
        return PS_OK;
    }
    chain->root = issuer->root;
    for (size_t i = 0; i < issuer->count && !ps_bytes_equal(issuer->chain[i], issuer->root); i++) {
        if (chain->count == CERTIFICATE_CHAIN_MAX) {
            return ps_fail(PS_E_LIMIT, 0, "a chain of more than %u certificates",
                           CERTIFICATE_CHAIN_MAX);
        }
        chain->certificates[chain->count++] = issuer->chain[i];
    }
    return PS_OK;
}

static enum ps_err put_rows(struct operation *op, const struct issue_params *params,
                            struct ps_bytes certificate, uint64_t now_s)
{
    struct certificate_chain chain = {.kind = CERTIFICATE_INTERNAL};
    PS_BUF_AUTO terms = {.max = LOG_ENTRY_MAX};

    PS_TRY(put_chain(op, params, certificate, &chain));
    PS_TRY(certificate_check_chain(params->version, params->kind, &chain, now_s));
    put_terms(op, params, &terms);
    PS_TRY(ps_buf_status(&terms));
    return certificate_put_rows(op, params->version, &chain, ps_buf_bytes(&terms));
}

static enum ps_err take_certificate(struct operation *op, const struct signed_octets *made)
{
    struct issue_params params = {.version = NULL};
    PS_BUF_AUTO certificate = {.max = X509_CERTIFICATE_MAX};

    PS_TRY(take_params(op, &params));
    PS_TRY(
        x509_put_signed(made->message, algorithm_of(params.issuer), made->signature, &certificate));
    return put_rows(op, &params, ps_buf_bytes(&certificate), real_now_s());
}

/* --- The same from a leaf: what a token signed can be verified --- */

/* The first certificate of a chain that it says was put in. */
static enum ps_err find_certificate(struct json_value effects, struct ps_buf *out)
{
    struct json_value effect;
    struct json_value value;
    struct ps_bytes text;
    uint32_t cursor = 0;

    while (json_next(effects, &cursor, NULL, &effect)) {
        uint32_t first = 0;

        if (json_member(effect, "row", &value) && json_member(value, "chain", &value) &&
            json_type(value) == JSON_ARRAY && json_next(value, &first, NULL, &value)) {
            PS_TRY(json_string(value, &text));
            return ps_base64url_decode(text, out);
        }
    }
    return ps_fail(PS_E_DENIED, 0, "the leaf has no certificate");
}

/*
 * It is what the document asks for, and this version of the issuer signed it: else PS_E_DENIED.
 * What it may begin with is the header of the outermost SEQUENCE.
 */
static enum ps_err put_rows_by(struct operation *op, const struct issue_params *params,
                               struct ps_bytes der, uint64_t not_before_s)
{
    PS_BUF_AUTO tbs = {.max = X509_CERTIFICATE_MAX};
    const uint8_t *found;

    PS_TRY(put_tbs_from(op, params, not_before_s, &tbs));
    found = memmem(der.data, der.len, tbs.data, tbs.len);
    if (found == NULL || found - der.data > 4) {
        return ps_fail(PS_E_DENIED, 0, "the certificate is not what its document asks for");
    }
    return put_rows(op, params, der, not_before_s + BACKDATED_S);
}

static enum ps_err put_rows_by_any(struct operation *op, struct issue_params *params,
                                   struct ps_bytes der, uint64_t not_before_s)
{
    enum ps_err err = PS_E_DENIED;
    struct ps_bytes name;
    const struct key *key;

    PS_TRY(document_text(op->params, "issuer", &name));
    key = keys_find(op->keeper->keys, name);
    for (size_t i = key == NULL ? 0 : key->version_count; err != PS_OK && i > 0; i--) {
        params->issuer = key->versions[i - 1];
        if (version_certificate(params->issuer) != NULL) {
            operation_forget_changes(op);
            err = put_rows_by(op, params, der, not_before_s);
        }
    }
    return err;
}

enum ps_err certificate_issue_rows(struct operation *op)
{
    PS_CLEANUP(x509_certificate_free_cleanup) struct x509_certificate *certificate = NULL;
    struct issue_params params = {.version = NULL};
    PS_BUF_AUTO der = {.max = X509_CERTIFICATE_MAX};
    uint64_t not_before_s;

    PS_TRY(find_certificate(op->retraced, &der));
    PS_TRY(x509_read(ps_buf_bytes(&der), &certificate));
    not_before_s = x509_facts(certificate)->not_before_s;
    PS_TRY(take_params(op, &params));
    return is_root(op) ? put_rows_by(op, &params, ps_buf_bytes(&der), not_before_s)
                       : put_rows_by_any(op, &params, ps_buf_bytes(&der), not_before_s);
}

static void on_signed(struct operation *op, const struct signed_octets *made)
{
    const enum ps_err err = take_certificate(op, made);

    if (err != PS_OK) {
        operation_failed_error(op, err);
    } else {
        operation_done(op);
    }
}

void certificate_issue_execute(struct operation *op)
{
    struct issue_params params = {.version = NULL};
    PS_BUF_AUTO tbs = {.max = X509_CERTIFICATE_MAX};
    uint8_t serial[X509_SERIAL_LEN];
    enum ps_err err = take_params(op, &params);

    if (err == PS_OK) {
        err = put_tbs(op, &params, &tbs);
    }
    if (err != PS_OK) {
        operation_failed_error(op, err);
        return;
    }
    op->status = 200;
    x509_serial(ps_bytes(params.serial, sizeof params.serial), serial);
    operation_sign(op,
                   &(struct sign_wish){.version = params.issuer,
                                       .algorithm = algorithm_of(params.issuer),
                                       .message = ps_buf_bytes(&tbs),
                                       .serial = ps_bytes(serial, sizeof serial),
                                       .use = "sign",
                                       .format = PS_FORMAT_X509},
                   on_signed);
}
