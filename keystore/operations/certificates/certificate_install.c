#include "keystore/operations/certificates/certificate.h"

#include "keystore/certificates/revocations.h"
#include "keystore/operations/certificates/handlers.h"
#include "keystore/operations/keys/key_params.h"
#include "keystore/reads/reads.h"
#include "lib/base/encode.h"
#include "lib/formats/pem.h"

/*
 * The certificate that another CA gave, with what leads from it to a root that people name. It is
 * checked when it is asked for and again when it is executed, before anything is replaced; what is
 * not good changes nothing, and nothing of our own ever stands in for it.
 */

struct install_request {
    struct ps_bytes chain; /* PEM, the key's own first */
    struct ps_bytes key;
    struct ps_bytes root; /* PEM; empty: it is the last of the chain */
    uint32_t version;     /* 0: the newest */
};

static const struct json_field request_fields[] = {
    JSON_FIELD(struct install_request, chain, JSON_KIND_STRING, true, 0),
    JSON_FIELD(struct install_request, key, JSON_KIND_NAME, false, PS_NAME_MAX),
    JSON_FIELD(struct install_request, root, JSON_KIND_STRING, false, 0),
    JSON_FIELD(struct install_request, version, JSON_KIND_U32, false, 0),
};

/* A chain and the octets that it borrows from. */
struct taken_chain {
    struct certificate_chain chain;
    struct ps_buf octets[CERTIFICATE_CHAIN_MAX + 1]; /* with the root when it is the last */
    struct ps_buf root;
};

static void taken_chain_clear(struct taken_chain *taken)
{
    for (size_t i = 0; i < PS_COUNT_OF(taken->octets); i++) {
        ps_buf_clear(&taken->octets[i]);
    }
    ps_buf_clear(&taken->root);
}
#define TAKEN_CHAIN_AUTO PS_CLEANUP(taken_chain_clear) struct taken_chain

static void taken_chain_init(struct taken_chain *taken)
{
    *taken = (struct taken_chain){.chain = {.count = 0}};
    for (size_t i = 0; i < PS_COUNT_OF(taken->octets); i++) {
        ps_buf_init(&taken->octets[i], X509_CERTIFICATE_MAX);
    }
    ps_buf_init(&taken->root, X509_CERTIFICATE_MAX);
}

/* --- From a request --- */

static enum ps_err read_pem(struct ps_bytes text, struct taken_chain *taken, size_t *ret_count)
{
    size_t count = 0;
    enum ps_err err = PS_OK;

    while (err == PS_OK && count < PS_COUNT_OF(taken->octets)) {
        err = pem_take(&text, PEM_CERTIFICATE, &taken->octets[count]);
        count += err == PS_OK ? 1 : 0;
    }
    if (err == PS_OK && pem_take(&text, PEM_CERTIFICATE, &taken->root) != PS_E_NOT_FOUND) {
        return ps_fail(PS_E_INPUT, 0, "`chain`: more than %u certificates", CERTIFICATE_CHAIN_MAX);
    }
    if (err != PS_OK && err != PS_E_NOT_FOUND) {
        return err;
    }
    *ret_count = count;
    return count != 0 ? PS_OK : ps_fail(PS_E_INPUT, 0, "`chain`: no certificate in it");
}

static enum ps_err read_root(struct ps_bytes text, struct taken_chain *taken)
{
    struct ps_bytes rest = text;
    PS_BUF_AUTO more = {.max = X509_CERTIFICATE_MAX};

    if (pem_take(&rest, PEM_CERTIFICATE, &taken->root) != PS_OK ||
        pem_take(&rest, PEM_CERTIFICATE, &more) != PS_E_NOT_FOUND) {
        return ps_fail(PS_E_INPUT, 0, "`root`: not one certificate in PEM");
    }
    return PS_OK;
}

static enum ps_err is_self_issued(struct ps_bytes der, bool *ret_is)
{
    PS_CLEANUP(x509_certificate_free_cleanup) struct x509_certificate *certificate = NULL;

    PS_TRY(x509_read(der, &certificate));
    *ret_is = x509_facts(certificate)->is_self_issued;
    return PS_OK;
}

/* The root is named: by the request, or as the last of the chain, in which it has no place. */
static enum ps_err take_request(const struct install_request *request, struct taken_chain *taken)
{
    struct certificate_chain *chain = &taken->chain;
    bool ends_in_root = false;
    size_t count;

    PS_TRY(read_pem(request->chain, taken, &count));
    ps_buf_reset(&taken->root);
    PS_TRY(is_self_issued(ps_buf_bytes(&taken->octets[count - 1]), &ends_in_root));
    if (request->root.len != 0) {
        PS_TRY(read_root(request->root, taken));
    } else if (ends_in_root) {
        ps_buf_put(&taken->root, ps_buf_bytes(&taken->octets[count - 1]));
    } else {
        return ps_fail(PS_E_INPUT, 0,
                       "`root` is missing: it names the root that the chain leads to");
    }
    if (count == 1 && ends_in_root) {
        return ps_fail(PS_E_DENIED, 0, "the certificate has signed itself: no CA gave it");
    }
    count -= ends_in_root ? 1 : 0;
    if (count > CERTIFICATE_CHAIN_MAX) {
        return ps_fail(PS_E_INPUT, 0, "`chain`: more than %u certificates", CERTIFICATE_CHAIN_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        chain->certificates[chain->count++] = ps_buf_bytes(&taken->octets[i]);
    }
    chain->root = ps_buf_bytes(&taken->root);
    return ps_buf_status(&taken->root);
}

/* --- To parameters, and back --- */

/* What people read of a certificate, with its octets. */
static enum ps_err put_certificate(const char *name, struct ps_bytes der, struct writer *json)
{
    PS_CLEANUP(x509_certificate_free_cleanup) struct x509_certificate *certificate = NULL;
    const struct x509_facts *facts;

    PS_TRY(x509_read(der, &certificate));
    facts = x509_facts(certificate);
    writer_begin_object(json, name);
    writer_octets(json, "der", der);
    writer_text(json, "issuer", facts->issuer);
    writer_time_s(json, "not_after", facts->not_after_s);
    writer_time_s(json, "not_before", facts->not_before_s);
    writer_hex(json, "serial", facts->serial);
    writer_hex(json, "sha256", ps_bytes(facts->sha256, sizeof facts->sha256));
    writer_text(json, "subject", facts->subject);
    writer_end_object(json);
    return PS_OK;
}

static enum ps_err put_params(struct operation *op, const struct key_version *version,
                              const struct certificate_chain *chain)
{
    const struct key_certificate *present = version_certificate(version);
    struct writer json = writer(&op->resolved);

    writer_begin_object(&json, NULL);
    writer_begin_array(&json, "chain");
    for (size_t i = 0; i < chain->count; i++) {
        PS_TRY(put_certificate(NULL, chain->certificates[i], &json));
    }
    writer_end_array(&json);
    key_params_put_class(key_class_of(version->key), &json);
    writer_str(&json, "key", version->key->name);
    if (present != NULL) {
        writer_hex(&json, "replaces", ps_bytes(present->leaf_hash, PS_SHA256_LEN));
    }
    PS_TRY(put_certificate("root", chain->root, &json));
    writer_decimal(&json, "version", version->number);
    writer_end_object(&json);
    return ps_buf_status(&op->resolved);
}

static enum ps_err take_der(struct json_value object, struct ps_buf *out)
{
    struct ps_bytes text;

    PS_TRY(document_text(object, "der", &text));
    return ps_base64url_decode(text, out);
}

static enum ps_err take_params(const struct operation *op, struct taken_chain *taken)
{
    struct certificate_chain *chain = &taken->chain;
    struct json_value list;
    struct json_value value;
    uint32_t cursor = 0;

    if (!json_member(op->params, "chain", &list) || !json_member(op->params, "root", &value)) {
        return ps_fail(PS_E_INPUT, 0, "no chain");
    }
    PS_TRY(take_der(value, &taken->root));
    chain->root = ps_buf_bytes(&taken->root);
    while (json_next(list, &cursor, NULL, &value) && chain->count < CERTIFICATE_CHAIN_MAX) {
        struct ps_buf *octets = &taken->octets[chain->count];

        PS_TRY(take_der(value, octets));
        chain->certificates[chain->count++] = ps_buf_bytes(octets);
    }
    return PS_OK;
}

/* --- The operation --- */

bool certificate_install_resolve(struct operation *op, struct json_value body)
{
    struct install_request request = {.version = 0};
    TAKEN_CHAIN_AUTO taken;
    const struct key_version *version;
    enum ps_err err =
        json_read_object(body, request_fields, PS_COUNT_OF(request_fields), &request, NULL);

    taken_chain_init(&taken);
    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    version = certificate_find_version(op, request.key, request.version);
    if (version == NULL) {
        return false;
    }
    err = take_request(&request, &taken);
    if (err == PS_OK) {
        err = put_params(op, version, &taken.chain);
    }
    if (err == PS_E_DENIED) {
        operation_refuse(op, PS_PROBLEM_REFUSED, "%s", ps_detail()->text);
    } else if (err != PS_OK) {
        operation_refuse_error(op, err);
    }
    return err == PS_OK;
}

static bool is_present(const struct key_version *version, const struct certificate_chain *chain)
{
    const struct key_certificate *present = version_certificate(version);

    if (present == NULL || present->count != chain->count ||
        !ps_bytes_equal(present->root, chain->root)) {
        return false;
    }
    for (size_t i = 0; i < chain->count; i++) {
        if (!ps_bytes_equal(present->chain[i], chain->certificates[i])) {
            return false;
        }
    }
    return true;
}

/* What people approved is this in the place of that: an older approval brings nothing old back. */
static bool replaces_present(struct operation *op, const struct key_version *version)
{
    const struct key_certificate *present = version_certificate(version);
    struct ps_bytes wanted = {NULL, 0};
    PS_BUF_AUTO hash = {.max = 2 * PS_SHA256_LEN};

    if (document_text(op->params, "replaces", &wanted) != PS_OK) {
        wanted.len = 0;
    }
    if (present != NULL) {
        ps_buf_put_hex(&hash, ps_bytes(present->leaf_hash, PS_SHA256_LEN));
    }
    if (ps_bytes_equal(wanted, ps_buf_bytes(&hash))) {
        return true;
    }
    operation_refuse(op, PS_PROBLEM_CONFLICT,
                     "the key got another certificate since this was asked for: ask anew");
    return false;
}

static void answer_present(struct operation *op, struct key *key)
{
    struct writer json = writer(&op->body);

    writer_begin_object(&json, NULL);
    read_put_key(key, true, &json);
    writer_end_object(&json);
    operation_exists(op);
}

/* Our key that this public key belongs to; NULL: none of ours issues with it. */
static const struct key *find_issuer(const struct keeper *keeper, struct ps_bytes spki)
{
    const struct key *key;
    size_t cursor = 0;

    while ((key = keys_next(keeper->keys, &cursor)) != NULL) {
        for (size_t i = 0; key->usage == PS_USAGE_CERTIFY && i < key->version_count; i++) {
            if (ps_bytes_equal(version_spki(key->versions[i]), spki)) {
                return key;
            }
        }
    }
    return NULL;
}

static enum ps_err check_not_revoked(const struct keeper *keeper, struct ps_bytes der,
                                     struct ps_bytes issuer_der)
{
    PS_CLEANUP(x509_certificate_free_cleanup) struct x509_certificate *certificate = NULL;
    PS_CLEANUP(x509_certificate_free_cleanup) struct x509_certificate *issuer = NULL;
    const struct x509_revoked *list;
    const struct key *key;
    size_t count;

    PS_TRY(x509_read(der, &certificate));
    PS_TRY(x509_read(issuer_der, &issuer));
    key = find_issuer(keeper, x509_facts(issuer)->spki);
    count = key == NULL ? 0 : revocations_of(keeper->revocations, ps_bytes_str(key->name), &list);
    for (size_t i = 0; i < count; i++) {
        if (ps_bytes_equal(list[i].serial, x509_facts(certificate)->serial)) {
            return ps_fail(PS_E_DENIED, 0, "a certificate of the chain was revoked by %s",
                           key->name);
        }
    }
    return PS_OK;
}

/* What we have taken back ourselves; the lists of others are for who approves it to look at. */
static enum ps_err check_revocations(const struct keeper *keeper,
                                     const struct certificate_chain *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        PS_TRY(check_not_revoked(keeper, chain->certificates[i],
                                 i + 1 < chain->count ? chain->certificates[i + 1] : chain->root));
    }
    return PS_OK;
}

static bool may_be_installed(struct operation *op, const struct key_version *version,
                             const struct certificate_chain *chain)
{
    const enum x509_kind kind = certificate_kind_of(version->key);
    enum ps_err err;

    if (version->key->rotation.certificates == KEY_CERTIFICATES_INTERNAL) {
        operation_refuse(op, PS_PROBLEM_KEY_MISMATCH,
                         "the certificates of this key come from %s: issue one",
                         version->key->issuer);
        return false;
    }
    if (kind == X509_KIND_NONE) {
        operation_refuse(op, PS_PROBLEM_KEY_MISMATCH, "a key of this usage has no certificate");
        return false;
    }
    err = certificate_check_chain(version, kind, chain, real_now_s());
    if (err == PS_OK) {
        err = check_revocations(op->keeper, chain);
    }
    if (err == PS_E_NO_MEMORY) {
        operation_refuse_error(op, err);
    } else if (err != PS_OK) {
        operation_refuse(op, PS_PROBLEM_REFUSED, "%s", ps_detail()->text);
    }
    return err == PS_OK;
}

bool certificate_install_check(struct operation *op)
{
    const struct key_version *version = certificate_take_version(op);
    TAKEN_CHAIN_AUTO taken;
    enum ps_err err;

    taken_chain_init(&taken);
    if (version == NULL) {
        return false;
    }
    err = take_params(op, &taken);
    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    if (is_present(version, &taken.chain)) {
        answer_present(op, version->key);
        return false;
    }
    return replaces_present(op, version) && may_be_installed(op, version, &taken.chain);
}

enum ps_err certificate_install_rows(struct operation *op)
{
    TAKEN_CHAIN_AUTO taken;
    struct key_version *version;
    struct key *key;
    uint32_t number;

    taken_chain_init(&taken);
    op->status = 200;
    PS_TRY(key_params_subject(op, &key, &number));
    version = key_version(key, number);
    if (version == NULL) {
        return ps_fail(PS_E_NOT_FOUND, 0, "the key has no such version");
    }
    PS_TRY(take_params(op, &taken));
    return certificate_put_rows(op, version, &taken.chain, ps_bytes(NULL, 0));
}
