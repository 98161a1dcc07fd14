#include "keystore/operations/keys/new_key.h"

/*
 * From what was asked for to what a new key will be: the row of a key, with everything said that
 * was left to us. One request makes a key by its `name`, or many alike by their `keys`.
 */

/* What a request may say; api.md, POST /v1/keys. */
struct create_request {
    struct json_value algorithms;
    struct ps_bytes class;
    struct json_value formats;
    struct json_value jwt;
    struct json_value keys;
    struct json_value labels;
    struct ps_bytes name;
    bool portable;
    struct ps_bytes recovery;
    struct ps_bytes residence;
    struct json_value rotation;
    struct ps_bytes token;
    struct ps_bytes type;
    struct ps_bytes usage;
    uint64_t validity_s;
    struct ps_bytes verify;
};

static const struct json_field request_fields[] = {
    JSON_FIELD(struct create_request, algorithms, JSON_KIND_ARRAY, false, 0),
    JSON_FIELD(struct create_request, class, JSON_KIND_STRING, false, 1),
    JSON_FIELD(struct create_request, formats, JSON_KIND_ARRAY, false, 0),
    JSON_FIELD(struct create_request, jwt, JSON_KIND_OBJECT, false, 0),
    JSON_FIELD(struct create_request, keys, JSON_KIND_ARRAY, false, 0),
    JSON_FIELD(struct create_request, labels, JSON_KIND_OBJECT, false, 0),
    JSON_FIELD(struct create_request, name, JSON_KIND_NAME, false, PS_NAME_MAX),
    JSON_FIELD(struct create_request, portable, JSON_KIND_BOOL, false, 0),
    JSON_FIELD(struct create_request, recovery, JSON_KIND_STRING, false, 16),
    JSON_FIELD(struct create_request, residence, JSON_KIND_STRING, false, 16),
    JSON_FIELD(struct create_request, rotation, JSON_KIND_OBJECT, false, 0),
    JSON_FIELD(struct create_request, token, JSON_KIND_NAME, false, PS_NAME_MAX),
    JSON_FIELD(struct create_request, type, JSON_KIND_STRING, true, 16),
    JSON_FIELD(struct create_request, usage, JSON_KIND_STRING, true, 16),
    JSON_FIELD(struct create_request, validity_s, JSON_KIND_U64, false, 0),
    JSON_FIELD(struct create_request, verify, JSON_KIND_STRING, false, 16),
};

struct rotation_request {
    struct ps_bytes certificate;
    struct ps_bytes issuer;
    struct ps_bytes on_expiry;
    uint64_t period_s;
    uint64_t publish_ahead_s;
    uint64_t retain_s;
};

static const struct json_field rotation_fields[] = {
    JSON_FIELD(struct rotation_request, certificate, JSON_KIND_STRING, false, 16),
    JSON_FIELD(struct rotation_request, issuer, JSON_KIND_NAME, false, PS_NAME_MAX),
    JSON_FIELD(struct rotation_request, on_expiry, JSON_KIND_STRING, false, 16),
    JSON_FIELD(struct rotation_request, period_s, JSON_KIND_U64, false, 0),
    JSON_FIELD(struct rotation_request, publish_ahead_s, JSON_KIND_U64, false, 0),
    JSON_FIELD(struct rotation_request, retain_s, JSON_KIND_U64, false, 0),
};

struct jwt_request {
    struct ps_bytes iss;
    uint64_t max_ttl_s;
    struct ps_bytes typ;
};

static const struct json_field jwt_fields[] = {
    JSON_FIELD(struct jwt_request, iss, JSON_KIND_STRING, false, KEY_JWT_TEXT_MAX),
    JSON_FIELD(struct jwt_request, max_ttl_s, JSON_KIND_U64, false, UINT32_MAX),
    JSON_FIELD(struct jwt_request, typ, JSON_KIND_STRING, false, 64),
};

static enum ps_err read_algorithms(struct json_value list, struct key_record *record)
{
    struct json_value value;
    struct ps_bytes text;
    uint32_t cursor = 0;

    while (list.doc != NULL && json_next(list, &cursor, NULL, &value)) {
        enum ps_alg algorithm;

        PS_TRY(json_string(value, &text));
        algorithm = ps_alg_by_name(text);
        if (algorithm == PS_ALG_NONE) {
            return ps_fail(PS_E_STATE, 0, "`algorithms`: one of them does not exist");
        }
        for (size_t i = 0; i < record->algorithm_count; i++) {
            if (record->algorithms[i] == algorithm) {
                return ps_fail(PS_E_INPUT, 0, "`algorithms`: the same one twice");
            }
        }
        if (record->algorithm_count == KEY_ALGS_MAX) {
            return ps_fail(PS_E_INPUT, 0, "`algorithms`: more than %d", KEY_ALGS_MAX);
        }
        record->algorithms[record->algorithm_count++] = algorithm;
    }
    return PS_OK;
}

static enum ps_err read_formats(struct json_value list, struct key_record *record)
{
    struct json_value value;
    struct ps_bytes text;
    uint32_t cursor = 0;

    while (list.doc != NULL && json_next(list, &cursor, NULL, &value)) {
        enum ps_format format;

        PS_TRY(json_string(value, &text));
        format = ps_format_by_name(text);
        if (format == PS_FORMAT_NONE) {
            return ps_fail(PS_E_STATE, 0, "`formats`: one of them does not exist");
        }
        for (size_t i = 0; i < record->format_count; i++) {
            if (record->formats[i] == format) {
                return ps_fail(PS_E_INPUT, 0, "`formats`: the same one twice");
            }
        }
        if (record->format_count == KEY_FORMATS_MAX) {
            return ps_fail(PS_E_INPUT, 0, "`formats`: more than %d", KEY_FORMATS_MAX);
        }
        record->formats[record->format_count++] = format;
    }
    return PS_OK;
}

/* What is not said is what fits the type, so that the shortest request makes a useful key. */
static void fill_defaults(const struct create_request *request, struct key_record *record)
{
    if (request->algorithms.doc == NULL && record->usage == PS_USAGE_SIGN) {
        for (unsigned alg = 1; alg < PS_ALG_COUNT && record->algorithm_count == 0; alg++) {
            if (ps_alg_fits((enum ps_alg)alg, record->type)) {
                record->algorithms[record->algorithm_count++] = (enum ps_alg)alg;
            }
        }
    }
    record->residence = request->residence.len != 0 ? request->residence : ps_bytes_str("token");
    record->recovery = request->recovery.len != 0                         ? request->recovery
                       : ps_bytes_equal_str(record->residence, "wrapped") ? ps_bytes_str("wrapped")
                                                                          : ps_bytes_str("none");
}

static enum ps_err read_choices(const struct create_request *request, struct key_record *record)
{
    record->type = ps_key_type_by_name(request->type);
    record->usage = ps_usage_by_name(request->usage);
    if (record->type == PS_KEY_NONE) {
        return ps_fail(PS_E_STATE, 0, "`type`: there is no such type of key");
    }
    if (record->usage == PS_USAGE_NONE) {
        return ps_fail(PS_E_STATE, 0, "`usage`: there is no such usage");
    }
    if (request->class.data != NULL && !ps_bytes_equal_str(request->class, "A") &&
        !ps_bytes_equal_str(request->class, "B")) {
        return ps_fail(PS_E_STATE, 0, "`class`: A or B");
    }
    if (request->verify.len != 0 && !ps_bytes_equal_str(request->verify, "always") &&
        !ps_bytes_equal_str(request->verify, "sampled")) {
        return ps_fail(PS_E_STATE, 0, "`verify`: always or sampled");
    }
    return PS_OK;
}

/* A key that certifies is a CA's: of class A, unless the request says what the rules then refuse.
 */
static enum key_class choose_class(const struct create_request *request,
                                   const struct key_record *record)
{
    if (request->class.len != 0) {
        return ps_bytes_equal_str(request->class, "A") ? KEY_CLASS_A : KEY_CLASS_B;
    }
    return record->usage == PS_USAGE_CERTIFY ? KEY_CLASS_A : KEY_CLASS_B;
}

/* ECDSA is sampled unless the request says otherwise; the others are always verified. */
static enum key_verify choose_verify(const struct create_request *request,
                                     const struct key_record *record)
{
    if (request->verify.len != 0) {
        return ps_bytes_equal_str(request->verify, "sampled") ? KEY_VERIFY_SAMPLED
                                                              : KEY_VERIFY_ALWAYS;
    }
    return ps_key_type_info(record->type)->family == PS_FAMILY_EC && record->algorithm_count != 0
               ? KEY_VERIFY_SAMPLED
               : KEY_VERIFY_ALWAYS;
}

/* A key whose versions need certificates waits for the first of them. */
static enum ps_err read_certificates(const struct rotation_request *request,
                                     struct key_record *record)
{
    if (request->certificate.len != 0 &&
        !key_certificates_by_name(request->certificate, &record->rotation.certificates)) {
        return ps_fail(PS_E_STATE, 0, "`rotation`: `certificate` is none, external or internal");
    }
    if (request->on_expiry.len != 0 && !ps_bytes_equal_str(request->on_expiry, "warn") &&
        !ps_bytes_equal_str(request->on_expiry, "stop")) {
        return ps_fail(PS_E_STATE, 0, "`rotation`: `on_expiry` is warn or stop");
    }
    record->rotation.stops = ps_bytes_equal_str(request->on_expiry, "stop");
    record->issuer = request->issuer;
    record->state =
        record->rotation.certificates == KEY_CERTIFICATES_NONE ? KEY_ACTIVE : KEY_PRE_ACTIVATION;
    return PS_OK;
}

static enum ps_err read_nested(const struct create_request *request, struct key_record *record)
{
    struct jwt_request jwt = {.max_ttl_s = 0};
    struct rotation_request rotation = {.period_s = 0};

    if (request->rotation.doc != NULL) {
        PS_TRY(json_read_object(request->rotation, rotation_fields, PS_COUNT_OF(rotation_fields),
                                &rotation, NULL));
    }
    record->rotation = (struct rotation){.period_s = rotation.period_s,
                                         .publish_ahead_s = rotation.publish_ahead_s,
                                         .retain_s = rotation.retain_s};
    PS_TRY(read_certificates(&rotation, record));
    if (request->jwt.doc != NULL) {
        PS_TRY(json_read_object(request->jwt, jwt_fields, PS_COUNT_OF(jwt_fields), &jwt, NULL));
    }
    record->jwt_issuer = jwt.iss;
    record->jwt_type = jwt.typ;
    record->jwt_max_ttl_s = jwt.max_ttl_s;
    record->labels = request->labels;
    return PS_OK;
}

/* Parts of the design that are not built yet are refused by name, never ignored. */
static enum ps_err check_absent(const struct create_request *request)
{
    return request->portable
               ? ps_fail(
                     PS_E_STATE, 0,
                     "`portable`: no key is given out; what lives outside a token resides wrapped")
               : PS_OK;
}

/* The names of a batch have to be some, and names; whether they are free is looked at later. */
static enum ps_err read_names(const struct create_request *request, struct key_record *record)
{
    static const struct json_field fields[] = {
        JSON_FIELD(struct create_request, name, JSON_KIND_NAME, true, PS_NAME_MAX),
    };
    struct create_request item = {.portable = false};
    struct json_value value;
    uint32_t cursor = 0;

    record->name = request->name;
    if ((request->name.len == 0) == (request->keys.doc == NULL)) {
        return ps_fail(PS_E_INPUT, 0, "`name`, or `keys` of a batch: one of them");
    }
    if (request->keys.doc == NULL) {
        return PS_OK;
    }
    if (json_count(request->keys) == 0 || json_count(request->keys) > OBJECTS_MAX) {
        return ps_fail(PS_E_STATE, 0, "`keys`: from 1 to %u at once", OBJECTS_MAX);
    }
    while (json_next(request->keys, &cursor, NULL, &value)) {
        PS_TRY(json_read_object(value, fields, PS_COUNT_OF(fields), &item, NULL));
    }
    record->name = item.name;
    return PS_OK;
}

/* The form of the row it will be: labels, lengths, characters. */
enum ps_err new_key_check_form(const struct key_record *record)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct key_record read;
    struct json_value row;
    PS_BUF_AUTO text;

    ps_buf_init(&text, LOG_ENTRY_MAX);
    PS_TRY(json_new(&parser));
    key_record_put(record, &text);
    PS_TRY(ps_buf_status(&text));
    PS_TRY(json_parse(parser, ps_buf_bytes(&text), &JSON_LIMITS_REQUEST, &row));
    return key_record_read(row, &read);
}

/* All but its name. */
static enum ps_err read_kind(const struct create_request *request, struct key_record *record)
{
    PS_TRY(check_absent(request));
    record->token = request->token;
    record->validity_s = request->validity_s;
    PS_TRY(read_choices(request, record));
    PS_TRY(read_algorithms(request->algorithms, record));
    PS_TRY(read_formats(request->formats, record));
    PS_TRY(read_nested(request, record));
    fill_defaults(request, record);
    record->class = choose_class(request, record);
    record->verify = choose_verify(request, record);
    return PS_OK;
}

enum ps_err new_key_read(struct json_value body, struct key_record *ret_record,
                         struct json_value *ret_keys)
{
    struct create_request request = {.portable = false};
    struct key_record record = {.state = KEY_ACTIVE, .latest = 1};

    PS_TRY(json_read_object(body, request_fields, PS_COUNT_OF(request_fields), &request, NULL));
    PS_TRY(read_names(&request, &record));
    PS_TRY(read_kind(&request, &record));
    *ret_record = record;
    *ret_keys = request.keys;
    return PS_OK;
}

enum ps_err new_key_read_template(struct json_value body, struct ps_bytes prefix,
                                  struct key_record *ret_record)
{
    struct create_request request = {.portable = false};
    struct key_record record = {.name = prefix, .state = KEY_ACTIVE, .latest = 1};

    PS_TRY(json_read_object(body, request_fields, PS_COUNT_OF(request_fields), &request, NULL));
    if (request.name.len != 0 || request.keys.doc != NULL) {
        return ps_fail(PS_E_INPUT, 0, "`template`: it names no keys");
    }
    if (request.residence.len == 0) {
        request.residence = ps_bytes_str("wrapped");
    }
    PS_TRY(read_kind(&request, &record));
    *ret_record = record;
    return PS_OK;
}
