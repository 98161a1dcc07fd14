#include "keystore/operations/certificates/certificate.h"

#include "keystore/operations/keys/key_params.h"
#include "keystore/operations/keys/key_rows.h"
#include "keystore/reads/reads.h"

struct key_version *certificate_find_version(struct operation *op, struct ps_bytes key,
                                             uint32_t number)
{
    const struct ps_bytes subject = ps_buf_bytes(&op->subject);
    const struct key *found = keys_find(op->keeper->keys, subject.len != 0 ? subject : key);
    struct key_version *version;

    if (subject.len != 0 && key.len != 0 && !ps_bytes_equal(subject, key)) {
        operation_refuse(op, PS_PROBLEM_MALFORMED, "`subject` and `key` are two names");
        return NULL;
    }
    if (found == NULL) {
        operation_refuse(op, PS_PROBLEM_NOT_FOUND, "there is no such key");
        return NULL;
    }
    version = number == 0 ? key_latest(found) : key_version(found, number);
    if (version == NULL) {
        operation_refuse(op, PS_PROBLEM_NOT_FOUND, "the key has no such version");
    }
    return version;
}

static bool may_have_one(const struct key *key, const struct key_version *version)
{
    return (key->state == KEY_PRE_ACTIVATION || key->state == KEY_ACTIVE) &&
           (version->state == KEY_PRE_ACTIVATION || version->state == KEY_ACTIVE);
}

struct key_version *certificate_take_version(struct operation *op)
{
    struct key_version *version;
    struct key *key;
    uint32_t number;
    const enum ps_err err = key_params_subject(op, &key, &number);

    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return NULL;
    }
    read_put_key_etag(key, &op->etag);
    operation_lock(op, "key", ps_bytes_str(key->name));
    version = key_version(key, number);
    if (version == NULL || version->spki == NULL) {
        operation_refuse(op, version == NULL ? PS_PROBLEM_NOT_FOUND : PS_PROBLEM_KEY_MISMATCH,
                         version == NULL ? "the key has no such version"
                                         : "a secret key has no certificate");
        return NULL;
    }
    if (!may_have_one(key, version)) {
        operation_refuse_state(
            op, key_state_name(key->state == KEY_ACTIVE ? version->state : key->state),
            "only for a version that is used, or waits to be");
        return NULL;
    }
    return version;
}

void certificate_put_sans(const struct x509_sans *sans, struct writer *json)
{
    writer_begin_array(json, "sans");
    for (size_t i = 0; i < sans->count; i++) {
        PS_BUF_AUTO text = {.max = X509_SAN_TEXT_MAX};

        x509_san_put_text(&sans->items[i], &text);
        writer_text(json, NULL, ps_buf_bytes(&text));
    }
    writer_end_array(json);
}

enum ps_err certificate_read_names(struct json_value object, struct x509_subject *ret_subject,
                                   struct x509_sans *ret_sans)
{
    struct json_value value;

    *ret_sans = (struct x509_sans){.count = 0};
    if (!json_member(object, "subject", &value)) {
        return ps_fail(PS_E_INPUT, 0, "member \"subject\" is missing");
    }
    PS_TRY(x509_subject_read(value, ret_subject));
    return json_member(object, "sans", &value) ? x509_sans_read(value, ret_sans) : PS_OK;
}

enum x509_kind certificate_kind_of(const struct key *key)
{
    for (unsigned kind = X509_KIND_NONE + 1; kind < X509_KIND_COUNT; kind++) {
        if (kind != X509_KIND_ROOT &&
            x509_kind_fits((enum x509_kind)kind, key->usage, key->formats)) {
            return (enum x509_kind)kind;
        }
    }
    return X509_KIND_NONE;
}

enum ps_err certificate_check_chain(const struct key_version *version, enum x509_kind kind,
                                    const struct certificate_chain *chain, uint64_t now_s)
{
    size_t octets = chain->root.len;

    for (size_t i = 0; i < chain->count; i++) {
        octets += chain->certificates[i].len;
    }
    if (octets > CERTIFICATE_OCTETS_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "certificates and root: more than %u octets",
                       CERTIFICATE_OCTETS_MAX);
    }
    return x509_check_chain(&(struct x509_chain){.certificates = chain->certificates,
                                                 .count = chain->count,
                                                 .anchors = &chain->root,
                                                 .anchor_count = 1,
                                                 .spki = version_spki(version),
                                                 .kind = kind,
                                                 .now_s = now_s});
}

/* --- Rows --- */

static void put_array(const struct certificate_chain *chain, struct ps_buf *out)
{
    struct writer json = writer(out);

    writer_begin_array(&json, NULL);
    for (size_t i = 0; i < chain->count; i++) {
        writer_octets(&json, NULL, chain->certificates[i]);
    }
    writer_end_array(&json);
}

static enum ps_err parse(struct json *parser, const struct ps_buf *text,
                         struct json_value *ret_value)
{
    static const struct json_limits limits = {LOG_ENTRY_MAX, 8, 4000};

    PS_TRY(ps_buf_status(text));
    return json_parse(parser, ps_buf_bytes(text), &limits, ret_value);
}

static enum ps_err put_row(struct operation *op, const struct certificate_record *record)
{
    ROW_AUTO row = {.parser = NULL};
    PS_BUF_AUTO name = {.max = KEY_VERSION_NAME_MAX};
    enum ps_err err;

    version_record_put_name(record->key, record->number, &name);
    PS_TRY(ps_buf_status(&name));
    err = row_read(op->keeper, CATALOG_CERTIFICATE, ps_buf_bytes(&name), &row);
    if (err != PS_OK && err != PS_E_NOT_FOUND) {
        return err;
    }
    certificate_record_put(record, operation_change(op, CATALOG_CERTIFICATE, ps_buf_bytes(&name),
                                                    err == PS_OK ? row.revision : 0));
    return PS_OK;
}

enum ps_err certificate_put_rows(struct operation *op, const struct key_version *version,
                                 const struct certificate_chain *chain, struct ps_bytes terms)
{
    PS_CLEANUP(json_free_cleanup) struct json *array = NULL;
    PS_CLEANUP(json_free_cleanup) struct json *object = NULL;
    PS_CLEANUP(x509_certificate_free_cleanup) struct x509_certificate *first = NULL;
    struct certificate_record record = {.key = ps_bytes_str(version->key->name),
                                        .number = version->number,
                                        .kind = chain->kind,
                                        .root = chain->root};
    PS_BUF_AUTO text = {.max = LOG_ENTRY_MAX};
    PS_BUF_AUTO terms_text = {.max = LOG_ENTRY_MAX};

    PS_TRY(json_new(&array));
    PS_TRY(json_new(&object));
    put_array(chain, &text);
    PS_TRY(parse(array, &text, &record.chain));
    if (terms.len != 0) {
        ps_buf_put(&terms_text, terms);
        PS_TRY(parse(object, &terms_text, &record.terms));
    }
    PS_TRY(x509_read(chain->certificates[0], &first));
    record.not_before_s = x509_facts(first)->not_before_s;
    record.not_after_s = x509_facts(first)->not_after_s;
    PS_TRY(key_rows_put(op, version->key, version->key->state, version->key->latest));
    return put_row(op, &record);
}
