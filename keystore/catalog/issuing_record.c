#include "keystore/catalog/issuing_record.h"

#include "keystore/catalog/record_fields.h"
#include "lib/base/encode.h"
#include "lib/formats/x509/certificate.h"
#include "lib/formats/x509/crl.h"
#include "lib/formats/x509/rule.h"

struct raw_profile {
    struct profile_record record;
    struct ps_bytes kind;
};

#define PROFILE_FIELD(member, kind_, max_)                                                         \
    {                                                                                              \
        .name = #member, .offset = offsetof(struct raw_profile, record.member), .max = (max_),     \
        .kind = (kind_), .required = true                                                          \
    }

static const struct json_field profile_fields[] = {
    PROFILE_FIELD(crl_url, JSON_KIND_STRING, PROFILE_URL_MAX),
    PROFILE_FIELD(key, JSON_KIND_NAME, 0),
    JSON_FIELD(struct raw_profile, kind, JSON_KIND_STRING, true, 0),
    PROFILE_FIELD(longest_s, JSON_KIND_U64, 0),
    PROFILE_FIELD(name, JSON_KIND_NAME, 0),
    PROFILE_FIELD(proof, JSON_KIND_BOOL, 0),
    PROFILE_FIELD(purposes, JSON_KIND_ARRAY, 0),
    PROFILE_FIELD(sans, JSON_KIND_ARRAY, 0),
    PROFILE_FIELD(subject, JSON_KIND_OBJECT, 0),
};

static enum ps_err check_rule(const char *member, struct ps_bytes text)
{
    return x509_rule_valid(text)
               ? PS_OK
               : record_fail(member, "not \"dns:\", \"email:\", \"ip:\" or \"uri:\" and a name, or "
                                     "\"*\" where an owner's part of it ends");
}

static enum ps_err check_purpose(const char *member, struct ps_bytes text)
{
    enum x509_purpose purpose;

    return x509_purpose_by_name(text, &purpose) ? PS_OK : record_fail(member, "no such purpose");
}

/* Values with "*" are looked at when a certificate is asked for. */
static enum ps_err check_subject(struct json_value object)
{
    struct x509_subject subject = {.values = {{NULL, 0}}};
    struct json_value value;
    struct ps_bytes name;
    struct ps_bytes text;
    uint32_t cursor = 0;

    while (json_next(object, &cursor, &name, &value)) {
        enum x509_attribute attribute;

        if (!x509_attribute_by_name(name, &attribute)) {
            return record_fail("subject", "an attribute that no subject has");
        }
        PS_TRY(json_string(value, &text));
        if (!x509_value_rule_valid(text)) {
            return record_fail("subject", "a value is a text with at most one \"*\" in it");
        }
        if (x509_value_rule_is_fixed(text)) {
            subject.values[attribute] = text;
        }
    }
    return x509_subject_check(&subject);
}

enum ps_err profile_record_read(struct json_value row, struct profile_record *ret_record)
{
    struct raw_profile raw = {.kind = {NULL, 0}};
    struct profile_record *record = &raw.record;

    PS_TRY(json_read_object(row, profile_fields, PS_COUNT_OF(profile_fields), &raw, NULL));
    record->kind = x509_kind_by_name(raw.kind);
    if (record->kind == X509_KIND_NONE) {
        return record_fail("kind", "no such kind of certificate");
    }
    PS_TRY(record_check_strings("sans", record->sans, PROFILE_RULES_MAX, check_rule));
    PS_TRY(record_check_strings("purposes", record->purposes, X509_PURPOSE_COUNT, check_purpose));
    PS_TRY(check_subject(record->subject));
    if (record->crl_url.len != 0) {
        PS_TRY(x509_san_check(&(struct x509_san){.kind = X509_SAN_URI, .text = record->crl_url}));
    }
    *ret_record = *record;
    return PS_OK;
}

void profile_record_put(const struct profile_record *record, struct ps_buf *out)
{
    record_put_text(out, "{\"crl_url\":", record->crl_url);
    record_put_text(out, ",\"key\":", record->key);
    record_put_text(out, ",\"kind\":", ps_bytes_str(x509_kind_info(record->kind)->name));
    record_put_number(out, ",\"longest_s\":", record->longest_s);
    record_put_text(out, ",\"name\":", record->name);
    record_put_flag(out, ",\"proof\":", record->proof);
    record_put_json(out, ",\"purposes\":", record->purposes, "[]");
    record_put_json(out, ",\"sans\":", record->sans, "[]");
    record_put_json(out, ",\"subject\":", record->subject, "{}");
    ps_buf_put_str(out, "}");
}

unsigned profile_purposes(const struct profile_record *record)
{
    struct json_value value;
    struct ps_bytes text;
    uint32_t cursor = 0;
    unsigned bits = 0;

    while (json_next(record->purposes, &cursor, NULL, &value)) {
        enum x509_purpose purpose;

        if (json_string(value, &text) == PS_OK && x509_purpose_by_name(text, &purpose)) {
            bits |= X509_PURPOSE_BIT(purpose);
        }
    }
    return bits;
}

static const struct json_field revocation_fields[] = {
    JSON_FIELD(struct revocation_record, key, JSON_KIND_NAME, true, 0),
    JSON_FIELD(struct revocation_record, reason, JSON_KIND_STRING, true, 0),
    JSON_FIELD(struct revocation_record, revoked_s, JSON_KIND_U64, true, 0),
    JSON_FIELD(struct revocation_record, serial, JSON_KIND_OCTETS, true, X509_SERIAL_MAX),
};

enum ps_err revocation_record_read(struct json_value row, struct revocation_record *ret_record)
{
    struct revocation_record record = {.key = {NULL, 0}};
    enum x509_reason reason;

    PS_TRY(json_read_object(row, revocation_fields, PS_COUNT_OF(revocation_fields), &record, NULL));
    if (!x509_reason_by_name(record.reason, &reason)) {
        return record_fail("reason", "no such reason");
    }
    if (record.serial.len == 0 || record.serial.data[0] == 0) {
        return record_fail("serial", "empty, or with a zero octet in front");
    }
    *ret_record = record;
    return PS_OK;
}

void revocation_record_put(const struct revocation_record *record, struct ps_buf *out)
{
    record_put_text(out, "{\"key\":", record->key);
    record_put_text(out, ",\"reason\":", record->reason);
    record_put_number(out, ",\"revoked_s\":", record->revoked_s);
    record_put_octets(out, ",\"serial\":", record->serial);
    ps_buf_put_str(out, "}");
}

void revocation_record_put_name(struct ps_bytes key, struct ps_bytes serial, struct ps_buf *out)
{
    ps_buf_put(out, key);
    ps_buf_put_u8(out, '/');
    ps_buf_put_base64url(out, serial);
}
