#include "keystore/catalog/key_record.h"

#include "keystore/catalog/record_fields.h"
#include "lib/base/name.h"

struct raw_version {
    uint64_t activates_s;
    struct ps_bytes check;
    uint64_t created_s;
    uint64_t expires_s;
    struct ps_bytes key;
    struct ps_bytes kid;
    uint32_t number;
    struct ps_bytes object_id;
    struct ps_bytes public_key;
    struct json_value replicas;
    uint64_t retired_s;
    struct ps_bytes state;
    struct ps_bytes token;
    bool unproven;
};

static const struct json_field version_fields[] = {
    JSON_FIELD(struct raw_version, activates_s, JSON_KIND_U64, true, 0),
    JSON_FIELD(struct raw_version, check, JSON_KIND_OCTETS, false, KEY_CHECK_MAX),
    JSON_FIELD(struct raw_version, created_s, JSON_KIND_U64, true, 0),
    JSON_FIELD(struct raw_version, expires_s, JSON_KIND_U64, true, 0),
    JSON_FIELD(struct raw_version, key, JSON_KIND_NAME, true, 0),
    JSON_FIELD(struct raw_version, kid, JSON_KIND_STRING, true, KEY_KID_MAX),
    JSON_FIELD(struct raw_version, number, JSON_KIND_U32, true, 0),
    JSON_FIELD(struct raw_version, object_id, JSON_KIND_OCTETS, true, KEY_OBJECT_ID_MAX),
    JSON_FIELD(struct raw_version, public_key, JSON_KIND_OCTETS, true, KEY_PUBLIC_MAX),
    JSON_FIELD(struct raw_version, replicas, JSON_KIND_ARRAY, false, 0),
    JSON_FIELD(struct raw_version, retired_s, JSON_KIND_U64, true, 0),
    JSON_FIELD(struct raw_version, state, JSON_KIND_STRING, true, 0),
    JSON_FIELD(struct raw_version, token, JSON_KIND_NAME, true, 0),
    JSON_FIELD(struct raw_version, unproven, JSON_KIND_BOOL, false, 0),
};

static enum ps_err check_token(const char *member, struct ps_bytes text)
{
    return ps_name_valid(text) ? PS_OK : record_fail(member, "no name of a token");
}

/* Absent when there are none, never empty: a row has one form. */
static enum ps_err read_replicas(const struct raw_version *raw, struct version_record *record)
{
    struct json_value value;
    uint32_t cursor = 0;

    if (raw->replicas.doc == NULL) {
        return PS_OK;
    }
    if (json_count(raw->replicas) == 0) {
        return record_fail("replicas", "empty");
    }
    PS_TRY(record_check_strings("replicas", raw->replicas, VERSION_REPLICAS_MAX, check_token));
    while (json_next(raw->replicas, &cursor, NULL, &value)) {
        struct ps_bytes *to = &record->replicas[record->replica_count++];

        PS_TRY(json_string(value, to));
        if (ps_bytes_equal(*to, raw->token)) {
            return record_fail("replicas", "the token itself");
        }
    }
    return PS_OK;
}

/* Absent unless it is true: a row has one form. */
static enum ps_err read_unproven(struct json_value row, const struct raw_version *raw)
{
    struct json_value value;

    return raw->unproven || !json_member(row, "unproven", &value)
               ? PS_OK
               : record_fail("unproven", "left out when false");
}

enum ps_err version_record_read(struct json_value row, struct version_record *ret_record)
{
    struct raw_version raw = {0};
    enum key_state state;

    PS_TRY(json_read_object(row, version_fields, PS_COUNT_OF(version_fields), &raw, NULL));
    PS_TRY(record_check_text("kid", raw.kid));
    if (raw.number == 0) {
        return record_fail("number", "versions count from 1");
    }
    if (raw.object_id.len == 0) {
        return record_fail("object_id", "empty");
    }
    PS_TRY(read_unproven(row, &raw));
    if (!key_state_by_name(raw.state, &state)) {
        return record_fail("state", "not a value this member has");
    }
    *ret_record = (struct version_record){
        .key = raw.key,
        .number = raw.number,
        .state = state,
        .object_id = raw.object_id,
        .check = raw.check,
        .public_key = raw.public_key,
        .kid = raw.kid,
        .token = raw.token,
        .created_s = raw.created_s,
        .activates_s = raw.activates_s,
        .expires_s = raw.expires_s,
        .retired_s = raw.retired_s,
        .is_unproven = raw.unproven,
    };
    return read_replicas(&raw, ret_record);
}

void version_record_put(const struct version_record *record, struct ps_buf *out)
{
    record_put_number(out, "{\"activates_s\":", record->activates_s);
    if (record->check.len != 0) {
        record_put_octets(out, ",\"check\":", record->check);
    }
    record_put_number(out, ",\"created_s\":", record->created_s);
    record_put_number(out, ",\"expires_s\":", record->expires_s);
    record_put_text(out, ",\"key\":", record->key);
    record_put_text(out, ",\"kid\":", record->kid);
    record_put_number(out, ",\"number\":", record->number);
    record_put_octets(out, ",\"object_id\":", record->object_id);
    record_put_octets(out, ",\"public_key\":", record->public_key);
    for (size_t i = 0; i < record->replica_count; i++) {
        record_put_text(out, i == 0 ? ",\"replicas\":[" : ",", record->replicas[i]);
    }
    ps_buf_put_str(out, record->replica_count == 0 ? "" : "]");
    record_put_number(out, ",\"retired_s\":", record->retired_s);
    record_put_text(out, ",\"state\":", ps_bytes_str(key_state_name(record->state)));
    record_put_text(out, ",\"token\":", record->token);
    ps_buf_put_str(out, record->is_unproven ? ",\"unproven\":true}" : "}");
}

void version_record_put_name(struct ps_bytes key, uint32_t number, struct ps_buf *out)
{
    ps_buf_put(out, key);
    ps_buf_put_u8(out, '/');
    ps_buf_put_decimal(out, number);
}
