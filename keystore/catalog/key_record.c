#include "keystore/catalog/key_record.h"

#include "keystore/catalog/record_fields.h"

#include <assert.h>

/* Larger than any row of a key: as much as a leaf has. */
#define KEY_ROW_MAX (48u * 1024u)

static const char *const states[KEY_STATE_COUNT] = {
    [KEY_PRE_ACTIVATION] = "pre-activation", [KEY_ACTIVE] = "active",
    [KEY_SUSPENDED] = "suspended",           [KEY_DEACTIVATED] = "deactivated",
    [KEY_COMPROMISED] = "compromised",       [KEY_DESTROYED] = "destroyed",
    [KEY_WITHDRAWN] = "withdrawn",
};

#define TO(state) (1u << (state))

static const unsigned next_states[KEY_STATE_COUNT] = {
    [KEY_PRE_ACTIVATION] =
        TO(KEY_ACTIVE) | TO(KEY_WITHDRAWN) | TO(KEY_COMPROMISED) | TO(KEY_DESTROYED),
    [KEY_ACTIVE] = TO(KEY_SUSPENDED) | TO(KEY_DEACTIVATED) | TO(KEY_COMPROMISED),
    [KEY_SUSPENDED] = TO(KEY_ACTIVE) | TO(KEY_DEACTIVATED) | TO(KEY_COMPROMISED),
    [KEY_DEACTIVATED] = TO(KEY_COMPROMISED) | TO(KEY_DESTROYED),
    [KEY_COMPROMISED] = TO(KEY_DESTROYED),
    [KEY_DESTROYED] = 0,
    [KEY_WITHDRAWN] = TO(KEY_COMPROMISED) | TO(KEY_DESTROYED),
};

static const char *const verifies[KEY_VERIFY_COUNT] = {
    [KEY_VERIFY_ALWAYS] = "always",
    [KEY_VERIFY_SAMPLED] = "sampled",
};

static const char *const classes[KEY_CLASS_COUNT] = {
    [KEY_CLASS_B] = "B",
    [KEY_CLASS_A] = "A",
};

static const char *const certificates_names[KEY_CERTIFICATES_COUNT] = {
    [KEY_CERTIFICATES_NONE] = "none",
    [KEY_CERTIFICATES_EXTERNAL] = "external",
    [KEY_CERTIFICATES_INTERNAL] = "internal",
};

static const char *const residences[] = {"token", "wrapped"};
static const char *const recoveries[] = {"none", "vendor", "replicated", "wrapped"};

const char *key_state_name(enum key_state state)
{
    assert(state < KEY_STATE_COUNT);
    return states[state];
}

bool key_state_by_name(struct ps_bytes name, enum key_state *ret_state)
{
    for (unsigned i = 0; i < KEY_STATE_COUNT; i++) {
        if (ps_bytes_equal_str(name, states[i])) {
            *ret_state = (enum key_state)i;
            return true;
        }
    }
    return false;
}

bool key_state_may_become(enum key_state from, enum key_state to)
{
    return from < KEY_STATE_COUNT && to < KEY_STATE_COUNT && (next_states[from] & TO(to)) != 0;
}

const char *key_verify_name(enum key_verify verify)
{
    assert(verify < KEY_VERIFY_COUNT);
    return verifies[verify];
}

const char *key_class_name(enum key_class class)
{
    assert(class < KEY_CLASS_COUNT);
    return classes[class];
}

const char *key_certificates_name(enum key_certificates certificates)
{
    assert(certificates < KEY_CERTIFICATES_COUNT);
    return certificates_names[certificates];
}

bool key_certificates_by_name(struct ps_bytes name, enum key_certificates *ret_certificates)
{
    for (unsigned i = 0; i < KEY_CERTIFICATES_COUNT; i++) {
        if (ps_bytes_equal_str(name, certificates_names[i])) {
            *ret_certificates = (enum key_certificates)i;
            return true;
        }
    }
    return false;
}

struct raw_jwt {
    struct ps_bytes iss;
    uint64_t max_ttl_s;
    struct ps_bytes typ;
};

static const struct json_field jwt_fields[] = {
    JSON_FIELD(struct raw_jwt, iss, JSON_KIND_STRING, true, KEY_JWT_TEXT_MAX),
    JSON_FIELD(struct raw_jwt, max_ttl_s, JSON_KIND_U64, true, 0),
    JSON_FIELD(struct raw_jwt, typ, JSON_KIND_STRING, true, KEY_JWT_TEXT_MAX),
};

struct raw_rotation {
    struct ps_bytes certificate;
    struct ps_bytes issuer;
    struct ps_bytes on_expiry;
    uint64_t period_s;
    uint64_t publish_ahead_s;
    uint64_t retain_s;
};

static const struct json_field rotation_fields[] = {
    JSON_FIELD(struct raw_rotation, certificate, JSON_KIND_STRING, false, 0),
    JSON_FIELD(struct raw_rotation, issuer, JSON_KIND_NAME, false, 0),
    JSON_FIELD(struct raw_rotation, on_expiry, JSON_KIND_STRING, false, 0),
    JSON_FIELD(struct raw_rotation, period_s, JSON_KIND_U64, true, 0),
    JSON_FIELD(struct raw_rotation, publish_ahead_s, JSON_KIND_U64, true, 0),
    JSON_FIELD(struct raw_rotation, retain_s, JSON_KIND_U64, true, 0),
};

struct raw_key {
    struct json_value algorithms;
    struct ps_bytes class;
    struct json_value formats;
    struct json_value jwt;
    struct json_value labels;
    uint32_t latest;
    struct ps_bytes name;
    struct ps_bytes recovery;
    struct ps_bytes residence;
    struct json_value rotation;
    struct ps_bytes state;
    struct ps_bytes token;
    struct ps_bytes type;
    struct ps_bytes usage;
    uint64_t validity_s;
    struct ps_bytes verify;
};

static const struct json_field key_fields[] = {
    JSON_FIELD(struct raw_key, algorithms, JSON_KIND_ARRAY, true, 0),
    JSON_FIELD(struct raw_key, class, JSON_KIND_STRING, false, 1),
    JSON_FIELD(struct raw_key, formats, JSON_KIND_ARRAY, true, 0),
    JSON_FIELD(struct raw_key, jwt, JSON_KIND_OBJECT, true, 0),
    JSON_FIELD(struct raw_key, labels, JSON_KIND_OBJECT, true, 0),
    JSON_FIELD(struct raw_key, latest, JSON_KIND_U32, true, 0),
    JSON_FIELD(struct raw_key, name, JSON_KIND_NAME, true, 0),
    JSON_FIELD(struct raw_key, recovery, JSON_KIND_STRING, true, 0),
    JSON_FIELD(struct raw_key, residence, JSON_KIND_STRING, true, 0),
    JSON_FIELD(struct raw_key, rotation, JSON_KIND_OBJECT, true, 0),
    JSON_FIELD(struct raw_key, state, JSON_KIND_STRING, true, 0),
    JSON_FIELD(struct raw_key, token, JSON_KIND_NAME, true, 0),
    JSON_FIELD(struct raw_key, type, JSON_KIND_STRING, true, 0),
    JSON_FIELD(struct raw_key, usage, JSON_KIND_STRING, true, 0),
    JSON_FIELD(struct raw_key, validity_s, JSON_KIND_U64, true, 0),
    JSON_FIELD(struct raw_key, verify, JSON_KIND_STRING, true, 0),
};

static enum ps_err check_alg(const char *member, struct ps_bytes name)
{
    return ps_alg_by_name(name) != PS_ALG_NONE ? PS_OK : record_fail(member, "no such algorithm");
}

static enum ps_err check_format(const char *member, struct ps_bytes name)
{
    return ps_format_by_name(name) != PS_FORMAT_NONE ? PS_OK
                                                     : record_fail(member, "no such format");
}

static enum ps_err read_lists(const struct raw_key *raw, struct key_record *record)
{
    struct json_value value;
    struct ps_bytes text;
    uint32_t cursor = 0;

    PS_TRY(record_check_strings("algorithms", raw->algorithms, KEY_ALGS_MAX, check_alg));
    PS_TRY(record_check_strings("formats", raw->formats, KEY_FORMATS_MAX, check_format));
    while (json_next(raw->algorithms, &cursor, NULL, &value)) {
        PS_TRY(json_string(value, &text));
        record->algorithms[record->algorithm_count++] = ps_alg_by_name(text);
    }
    cursor = 0;
    while (json_next(raw->formats, &cursor, NULL, &value)) {
        PS_TRY(json_string(value, &text));
        record->formats[record->format_count++] = ps_format_by_name(text);
    }
    return PS_OK;
}

static enum ps_err check_labels(struct json_value labels)
{
    struct json_value value;
    struct ps_bytes name;
    struct ps_bytes text;
    uint32_t cursor = 0;

    if (json_count(labels) > KEY_LABELS_MAX) {
        return record_fail("labels", "too many members");
    }
    while (json_next(labels, &cursor, &name, &value)) {
        PS_TRY(record_check_text("labels", name));
        if (name.len == 0 || name.len > KEY_LABEL_NAME_MAX) {
            return record_fail("labels", "a name of a wrong length");
        }
        if (json_string(value, &text) != PS_OK || text.len > KEY_LABEL_TEXT_MAX) {
            return record_fail("labels", "a value that is no string, or too long");
        }
        PS_TRY(record_check_free_text("labels", text));
    }
    return PS_OK;
}

/* What a key does not say stands for the value that most have: its row has one form. */
static enum ps_err read_rotation(struct json_value row, struct key_record *record)
{
    struct raw_rotation raw = {.period_s = 0};

    PS_TRY(json_read_object(row, rotation_fields, PS_COUNT_OF(rotation_fields), &raw, NULL));
    record->rotation = (struct rotation){.period_s = raw.period_s,
                                         .publish_ahead_s = raw.publish_ahead_s,
                                         .retain_s = raw.retain_s,
                                         .stops = raw.on_expiry.data != NULL};
    record->issuer = raw.issuer;
    if (raw.certificate.data != NULL &&
        (!key_certificates_by_name(raw.certificate, &record->rotation.certificates) ||
         record->rotation.certificates == KEY_CERTIFICATES_NONE)) {
        return record_fail("certificate", "not a value this member has");
    }
    if (raw.on_expiry.data != NULL && !ps_bytes_equal_str(raw.on_expiry, "stop")) {
        return record_fail("on_expiry", "not a value this member has");
    }
    return PS_OK;
}

static enum ps_err read_nested(const struct raw_key *raw, struct key_record *record)
{
    struct raw_jwt jwt = {0};

    PS_TRY(read_rotation(raw->rotation, record));
    PS_TRY(json_read_object(raw->jwt, jwt_fields, PS_COUNT_OF(jwt_fields), &jwt, NULL));
    PS_TRY(record_check_text("typ", jwt.typ));
    PS_TRY(record_check_text("iss", jwt.iss));
    record->jwt_type = jwt.typ;
    record->jwt_issuer = jwt.iss;
    record->jwt_max_ttl_s = jwt.max_ttl_s;
    PS_TRY(check_labels(raw->labels));
    record->labels = raw->labels;
    return read_lists(raw, record);
}

static enum ps_err read_choices(const struct raw_key *raw, struct key_record *record)
{
    unsigned index = 0;

    record->type = ps_key_type_by_name(raw->type);
    record->usage = ps_usage_by_name(raw->usage);
    if (record->type == PS_KEY_NONE) {
        return record_fail("type", "no such key type");
    }
    if (record->usage == PS_USAGE_NONE) {
        return record_fail("usage", "no such usage");
    }
    if (raw->class.data != NULL) {
        PS_TRY(record_read_choice("class", raw->class, classes, KEY_CLASS_COUNT, &index));
        record->class = (enum key_class)index;
    }
    PS_TRY(record_read_choice("state", raw->state, states, KEY_STATE_COUNT, &index));
    record->state = (enum key_state)index;
    PS_TRY(record_read_choice("verify", raw->verify, verifies, KEY_VERIFY_COUNT, &index));
    record->verify = (enum key_verify)index;
    PS_TRY(record_read_choice("residence", raw->residence, residences, PS_COUNT_OF(residences),
                              &index));
    return record_read_choice("recovery", raw->recovery, recoveries, PS_COUNT_OF(recoveries),
                              &index);
}

enum ps_err key_record_read(struct json_value row, struct key_record *ret_record)
{
    struct raw_key raw = {0};
    struct key_record record = {0};

    PS_TRY(json_read_object(row, key_fields, PS_COUNT_OF(key_fields), &raw, NULL));
    PS_TRY(read_choices(&raw, &record));
    PS_TRY(read_nested(&raw, &record));
    record.name = raw.name;
    record.residence = raw.residence;
    record.recovery = raw.recovery;
    record.token = raw.token;
    record.validity_s = raw.validity_s;
    record.latest = raw.latest;
    *ret_record = record;
    return PS_OK;
}

static void put_lists(const struct key_record *record, struct ps_buf *out)
{
    for (size_t i = 0; i < record->algorithm_count; i++) {
        record_put_text(out, i == 0 ? "{\"algorithms\":[" : ",",
                        ps_bytes_str(ps_alg_info(record->algorithms[i])->name));
    }
    ps_buf_put_str(out, record->algorithm_count == 0 ? "{\"algorithms\":[]" : "]");
    if (record->class != KEY_CLASS_B) {
        record_put_text(out, ",\"class\":", ps_bytes_str(key_class_name(record->class)));
    }
    for (size_t i = 0; i < record->format_count; i++) {
        record_put_text(out, i == 0 ? ",\"formats\":[" : ",",
                        ps_bytes_str(ps_format_name(record->formats[i])));
    }
    ps_buf_put_str(out, record->format_count == 0 ? ",\"formats\":[]" : "]");
}

static void put_rotation(const struct key_record *record, struct ps_buf *out)
{
    const struct rotation *rotation = &record->rotation;

    ps_buf_put_str(out, ",\"rotation\":{");
    if (rotation->certificates != KEY_CERTIFICATES_NONE) {
        record_put_text(
            out, "\"certificate\":", ps_bytes_str(key_certificates_name(rotation->certificates)));
        ps_buf_put_u8(out, ',');
    }
    if (record->issuer.len != 0) {
        record_put_text(out, "\"issuer\":", record->issuer);
        ps_buf_put_u8(out, ',');
    }
    ps_buf_put_str(out, rotation->stops ? "\"on_expiry\":\"stop\"," : "");
    record_put_number(out, "\"period_s\":", rotation->period_s);
    record_put_number(out, ",\"publish_ahead_s\":", rotation->publish_ahead_s);
    record_put_number(out, ",\"retain_s\":", rotation->retain_s);
    ps_buf_put_u8(out, '}');
}

void key_record_put(const struct key_record *record, struct ps_buf *out)
{
    put_lists(record, out);
    record_put_text(out, ",\"jwt\":{\"iss\":", record->jwt_issuer);
    record_put_number(out, ",\"max_ttl_s\":", record->jwt_max_ttl_s);
    record_put_text(out, ",\"typ\":", record->jwt_type);
    record_put_json(out, "},\"labels\":", record->labels, "{}");
    record_put_number(out, ",\"latest\":", record->latest);
    record_put_text(out, ",\"name\":", record->name);
    record_put_text(out, ",\"recovery\":", record->recovery);
    record_put_text(out, ",\"residence\":", record->residence);
    put_rotation(record, out);
    record_put_text(out, ",\"state\":", ps_bytes_str(key_state_name(record->state)));
    record_put_text(out, ",\"token\":", record->token);
    record_put_text(out, ",\"type\":", ps_bytes_str(ps_key_type_info(record->type)->name));
    record_put_text(out, ",\"usage\":", ps_bytes_str(ps_usage_name(record->usage)));
    record_put_number(out, ",\"validity_s\":", record->validity_s);
    record_put_text(out, ",\"verify\":", ps_bytes_str(key_verify_name(record->verify)));
    ps_buf_put_str(out, "}");
}

bool key_record_is_same(const struct key_record *one, const struct key_record *other)
{
    PS_BUF_AUTO a = {.max = KEY_ROW_MAX};
    PS_BUF_AUTO b = {.max = KEY_ROW_MAX};

    key_record_put(one, &a);
    key_record_put(other, &b);
    return ps_buf_status(&a) == PS_OK && ps_buf_status(&b) == PS_OK &&
           ps_bytes_equal(ps_buf_bytes(&a), ps_buf_bytes(&b));
}
