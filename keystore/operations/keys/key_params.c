#include "keystore/operations/internal.h"

#include "keystore/operations/keys/key_params.h"
#include "lib/base/encode.h"

/*
 * The parameters of a new key: everything that it will be, resolved, so that who signs the document
 * signs that. Numbers are strings of digits.
 */

static void put_lists(const struct key_record *record, struct writer *json)
{
    writer_begin_array(json, "algorithms");
    for (size_t i = 0; i < record->algorithm_count; i++) {
        writer_str(json, NULL, ps_alg_info(record->algorithms[i])->name);
    }
    writer_end_array(json);
}

/* What the templates of the token process set (pkcs11/); the same for every key of a token. */
static void put_attributes(const struct key_record *record, struct writer *json)
{
    writer_begin_object(json, "attributes");
    writer_bool(json, "copyable", false);
    writer_bool(json, "extractable", ps_bytes_equal_str(record->residence, "wrapped"));
    writer_bool(json, "modifiable", false);
    writer_bool(json, "private", true);
    writer_bool(json, "sensitive", true);
    writer_bool(json, "token", ps_bytes_equal_str(record->residence, "token"));
    writer_end_object(json);
}

static void put_formats(const struct key_record *record, struct writer *json)
{
    writer_begin_array(json, "formats");
    for (size_t i = 0; i < record->format_count; i++) {
        writer_str(json, NULL, ps_format_name(record->formats[i]));
    }
    writer_end_array(json);
}

static void put_jwt(const struct key_record *record, struct writer *json)
{
    writer_begin_object(json, "jwt");
    writer_text(json, "iss", record->jwt_issuer);
    writer_decimal(json, "max_ttl_s", record->jwt_max_ttl_s);
    writer_text(json, "typ", record->jwt_type);
    writer_end_object(json);
}

static void put_rotation(const struct key_record *record, struct writer *json)
{
    const struct rotation *rotation = &record->rotation;

    writer_begin_object(json, "rotation");
    if (rotation->certificates != KEY_CERTIFICATES_NONE) {
        writer_str(json, "certificate", key_certificates_name(rotation->certificates));
        writer_text_if(json, "issuer", record->issuer);
        writer_str(json, "on_expiry", rotation->stops ? "stop" : "warn");
    }
    writer_decimal(json, "period_s", record->rotation.period_s);
    writer_decimal(json, "publish_ahead_s", record->rotation.publish_ahead_s);
    writer_decimal(json, "retain_s", record->rotation.retain_s);
    writer_end_object(json);
}

void key_params_put_class(enum key_class class, struct writer *json)
{
    if (class != KEY_CLASS_B) {
        writer_str(json, "class", key_class_name(class));
    }
}

/* Of one key its name and id, of many a list of these; in their places among the members. */
static void put_keys(const struct new_ids *ids, struct writer *json)
{
    struct json_value item;
    struct json_value name;
    struct ps_bytes text;
    uint32_t cursor = 0;

    writer_begin_array(json, "keys");
    for (size_t i = 0; json_next(ids->names, &cursor, NULL, &item); i++) {
        if (json_member(item, "name", &name) && json_string(name, &text) == PS_OK) {
            writer_begin_object(json, NULL);
            writer_text(json, "name", text);
            writer_hex(json, "object_id", ps_bytes(ids->objects[i].id, OBJECT_ID_LEN));
            writer_end_object(json);
        }
    }
    writer_end_array(json);
}

void key_params_put(const struct key_record *record, const struct new_ids *ids,
                    const struct token_view *token, struct ps_buf *out)
{
    const bool is_batch = ids->names.doc != NULL;
    struct writer json = writer(out);

    writer_begin_object(&json, NULL);
    put_lists(record, &json);
    put_attributes(record, &json);
    writer_str(&json, "class", key_class_name(record->class));
    writer_text_if(&json, "client", ids->terms == NULL ? ps_bytes(NULL, 0) : ids->terms->client);
    writer_text_if(&json, "family", ids->family);
    put_formats(record, &json);
    put_jwt(record, &json);
    if (is_batch) {
        put_keys(ids, &json);
    }
    writer_raw(&json, "labels",
               record->labels.doc == NULL ? ps_bytes_str("{}") : ps_bytes(NULL, 0));
    if (record->labels.doc != NULL && json_put_canonical(record->labels, out) != PS_OK) {
        out->err = PS_E_INTERNAL; /* what a record may hold, it may hold */
    }
    if (ids->terms != NULL) {
        writer_decimal(&json, "maximum", ids->terms->maximum);
        writer_text(&json, "prefix", ids->terms->prefix);
    } else if (!is_batch) {
        writer_text(&json, "name", record->name);
        writer_hex(&json, "object_id", ps_bytes(ids->objects[0].id, OBJECT_ID_LEN));
    }
    writer_text(&json, "profile", token->profile);
    writer_text(&json, "recovery", record->recovery);
    writer_text(&json, "residence", record->residence);
    put_rotation(record, &json);
    writer_text(&json, "serial", token->serial);
    writer_str(&json, "state", key_state_name(record->state));
    writer_text(&json, "token", record->token);
    writer_str(&json, "type", ps_key_type_info(record->type)->name);
    writer_str(&json, "usage", ps_usage_name(record->usage));
    writer_decimal(&json, "validity_s", record->validity_s);
    writer_str(&json, "verify", key_verify_name(record->verify));
    writer_end_object(&json);
}

static enum ps_err read_lists(struct json_value params, struct key_record *record)
{
    struct json_value list;
    struct json_value value;
    struct ps_bytes text;
    uint32_t cursor = 0;

    if (!json_member(params, "algorithms", &list)) {
        return ps_fail(PS_E_INPUT, 0, "no algorithms");
    }
    while (json_next(list, &cursor, NULL, &value) && record->algorithm_count < KEY_ALGS_MAX) {
        PS_TRY(json_string(value, &text));
        record->algorithms[record->algorithm_count++] = ps_alg_by_name(text);
    }
    cursor = 0;
    if (!json_member(params, "formats", &list)) {
        return ps_fail(PS_E_INPUT, 0, "no formats");
    }
    while (json_next(list, &cursor, NULL, &value) && record->format_count < KEY_FORMATS_MAX) {
        PS_TRY(json_string(value, &text));
        record->formats[record->format_count++] = ps_format_by_name(text);
    }
    return PS_OK;
}

/* Members that are there only where a key needs certificates. */
static enum ps_err read_certificates(struct json_value rotation, struct key_record *record)
{
    struct json_value value;
    struct ps_bytes text;

    if (!json_member(rotation, "certificate", &value)) {
        return PS_OK;
    }
    PS_TRY(json_string(value, &text));
    if (!key_certificates_by_name(text, &record->rotation.certificates)) {
        return ps_fail(PS_E_INPUT, 0, "no such kind of certificates");
    }
    PS_TRY(document_text(rotation, "on_expiry", &text));
    record->rotation.stops = ps_bytes_equal_str(text, "stop");
    return json_member(rotation, "issuer", &value) ? json_string(value, &record->issuer) : PS_OK;
}

static enum ps_err read_nested(struct json_value params, struct key_record *record)
{
    struct json_value value;

    if (!json_member(params, "jwt", &value)) {
        return ps_fail(PS_E_INPUT, 0, "no jwt");
    }
    PS_TRY(document_text(value, "iss", &record->jwt_issuer));
    PS_TRY(document_text(value, "typ", &record->jwt_type));
    PS_TRY(document_number(value, "max_ttl_s", &record->jwt_max_ttl_s));
    if (!json_member(params, "rotation", &value)) {
        return ps_fail(PS_E_INPUT, 0, "no rotation");
    }
    PS_TRY(document_number(value, "period_s", &record->rotation.period_s));
    PS_TRY(document_number(value, "publish_ahead_s", &record->rotation.publish_ahead_s));
    PS_TRY(document_number(value, "retain_s", &record->rotation.retain_s));
    return read_certificates(value, record);
}

static enum ps_err read_choices(struct json_value params, struct key_record *record)
{
    struct ps_bytes text;

    PS_TRY(document_text(params, "type", &text));
    record->type = ps_key_type_by_name(text);
    PS_TRY(document_text(params, "usage", &text));
    record->usage = ps_usage_by_name(text);
    PS_TRY(document_text(params, "state", &text));
    if (record->type == PS_KEY_NONE || record->usage == PS_USAGE_NONE ||
        !key_state_by_name(text, &record->state)) {
        return ps_fail(PS_E_INPUT, 0, "no such type, usage or state");
    }
    if (document_text(params, "class", &text) == PS_OK && ps_bytes_equal_str(text, "A")) {
        record->class = KEY_CLASS_A;
    }
    PS_TRY(document_text(params, "verify", &text));
    record->verify = ps_bytes_equal_str(text, "sampled") ? KEY_VERIFY_SAMPLED : KEY_VERIFY_ALWAYS;
    return PS_OK;
}

enum ps_err key_params_read(struct operation *op, struct key_record *record)
{
    struct json_value params = op->params;
    struct json_value other;

    *record = (struct key_record){.latest = 1};
    PS_TRY(read_choices(params, record));
    PS_TRY(read_lists(params, record));
    PS_TRY(read_nested(params, record));
    if (!json_member(params, "labels", &record->labels)) {
        return ps_fail(PS_E_INPUT, 0, "no labels");
    }
    if (!json_member(params, "keys", &other)) {
        PS_TRY(document_text(params, json_member(params, "prefix", &other) ? "prefix" : "name",
                             &record->name));
    }
    PS_TRY(document_text(params, "residence", &record->residence));
    PS_TRY(document_text(params, "recovery", &record->recovery));
    PS_TRY(document_text(params, "token", &record->token));
    return document_number(params, "validity_s", &record->validity_s);
}

enum ps_err key_params_object(struct operation *op, size_t at)
{
    struct ps_bytes text;
    PS_BUF_AUTO id;

    ps_buf_init(&id, OBJECT_ID_LEN);
    PS_TRY(document_text(op->params, "object_id", &text));
    PS_TRY(ps_hex_decode(text, &id));
    if (id.len != OBJECT_ID_LEN) {
        return ps_fail(PS_E_INPUT, 0, "object_id: not %u octets", OBJECT_ID_LEN);
    }
    memcpy(op->objects[at].id, id.data, OBJECT_ID_LEN);
    if (op->object_count <= at) {
        op->object_count = at + 1;
    }
    return PS_OK;
}

enum ps_err key_params_subject(const struct operation *op, struct key **ret_key,
                               uint32_t *ret_version)
{
    struct ps_bytes name;
    uint64_t number;

    PS_TRY(document_text(op->params, "key", &name));
    PS_TRY(document_number(op->params, "version", &number));
    if (number > UINT32_MAX) {
        return ps_fail(PS_E_INPUT, 0, "member \"version\" is no number of a version");
    }
    *ret_key = keys_find(op->keeper->keys, name);
    *ret_version = (uint32_t)number;
    return *ret_key != NULL ? PS_OK : ps_fail(PS_E_NOT_FOUND, 0, "there is no such key");
}
