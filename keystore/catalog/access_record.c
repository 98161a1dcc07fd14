#include "keystore/catalog/access_record.h"

#include "keystore/catalog/record_fields.h"
#include "lib/base/algorithm.h"
#include "lib/base/encode.h"
#include "lib/base/name.h"

static const char *const listeners[] = {"clients", "management", "both"};

static const struct json_field client_fields[] = {
    JSON_FIELD(struct client_record, issuer, JSON_KIND_OCTETS, true, PS_SHA256_LEN),
    JSON_FIELD(struct client_record, listener, JSON_KIND_STRING, true, 0),
    JSON_FIELD(struct client_record, name, JSON_KIND_NAME, true, 0),
    JSON_FIELD(struct client_record, pins, JSON_KIND_ARRAY, true, 0),
    JSON_FIELD(struct client_record, san, JSON_KIND_STRING, true, CLIENT_SAN_MAX),
    JSON_FIELD(struct client_record, suspended, JSON_KIND_BOOL, true, 0),
    JSON_FIELD(struct client_record, uids, JSON_KIND_ARRAY, true, 0),
};

static enum ps_err check_pin(const char *member, struct ps_bytes text)
{
    PS_BUF_AUTO octets;

    ps_buf_init(&octets, PS_SHA256_LEN);
    if (ps_base64url_decode(text, &octets) != PS_OK || octets.len != PS_SHA256_LEN) {
        return record_fail(member, "not 32 octets in base64url");
    }
    return PS_OK;
}

static bool is_repeated(struct json_value array, uint32_t until, int64_t number)
{
    struct json_value value;
    uint32_t cursor = 0;
    int64_t other = 0;

    while (json_next(array, &cursor, NULL, &value) && cursor != until) {
        if (json_integer(value, &other) == PS_OK && other == number) {
            return true;
        }
    }
    return false;
}

/* (uid_t)-1 is nobody: chown(2) and setuid(2) take it for "unchanged". */
static enum ps_err check_uids(struct json_value uids)
{
    struct json_value value;
    uint32_t cursor = 0;
    int64_t uid = 0;

    if (json_count(uids) > CLIENT_UIDS_MAX) {
        return record_fail("uids", "too many elements");
    }
    while (json_next(uids, &cursor, NULL, &value)) {
        if (json_integer(value, &uid) != PS_OK || uid < 0 || uid >= (int64_t)UINT32_MAX) {
            return record_fail("uids", "an element that is no user id");
        }
        if (is_repeated(uids, cursor, uid)) {
            return record_fail("uids", "the same element twice");
        }
    }
    return PS_OK;
}

enum ps_err client_record_read(struct json_value row, struct client_record *ret_record)
{
    struct client_record record = {0};
    unsigned index;

    PS_TRY(json_read_object(row, client_fields, PS_COUNT_OF(client_fields), &record, NULL));
    PS_TRY(record_check_strings("pins", record.pins, CLIENT_PINS_MAX, check_pin));
    PS_TRY(check_uids(record.uids));
    PS_TRY(record_check_text("san", record.san));
    PS_TRY(
        record_read_choice("listener", record.listener, listeners, PS_COUNT_OF(listeners), &index));
    if (record.issuer.len != 0 && record.issuer.len != PS_SHA256_LEN) {
        return record_fail("issuer", "not 32 octets");
    }
    if ((record.issuer.len == 0) != (record.san.len == 0)) {
        return record_fail("issuer", "a rule has an issuer and a san, or neither");
    }
    *ret_record = record;
    return PS_OK;
}

void client_record_put(const struct client_record *record, struct ps_buf *out)
{
    record_put_octets(out, "{\"issuer\":", record->issuer);
    record_put_text(out, ",\"listener\":", record->listener);
    record_put_text(out, ",\"name\":", record->name);
    record_put_json(out, ",\"pins\":", record->pins, "[]");
    record_put_text(out, ",\"san\":", record->san);
    record_put_flag(out, ",\"suspended\":", record->suspended);
    record_put_json(out, ",\"uids\":", record->uids, "[]");
    ps_buf_put_str(out, "}");
}

static const struct json_field grant_fields[] = {
    JSON_FIELD(struct grant_record, client, JSON_KIND_NAME, true, 0),
    JSON_FIELD(struct grant_record, formats, JSON_KIND_ARRAY, true, 0),
    JSON_FIELD(struct grant_record, id, JSON_KIND_NAME, true, 0),
    JSON_FIELD(struct grant_record, keys, JSON_KIND_STRING, true, PS_NAME_MAX + 1),
    JSON_FIELD(struct grant_record, not_after_s, JSON_KIND_U64, true, 0),
    JSON_FIELD(struct grant_record, operations, JSON_KIND_ARRAY, true, 0),
    JSON_FIELD(struct grant_record, rate_per_s, JSON_KIND_U64, true, GRANT_RATE_MAX),
};

/* Which operations there are is the matter of keystore/policy; here only what a name looks like. */
static enum ps_err check_operation(const char *member, struct ps_bytes text)
{
    if (text.len == 0 || text.len > GRANT_OP_NAME_MAX) {
        return record_fail(member, "a name of a wrong length");
    }
    for (size_t i = 0; i < text.len; i++) {
        const uint8_t c = text.data[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '.' && c != '-' &&
            c != '_' && c != ':') {
            return record_fail(member, "no name of an operation");
        }
    }
    return PS_OK;
}

static enum ps_err check_format(const char *member, struct ps_bytes name)
{
    return ps_format_by_name(name) != PS_FORMAT_NONE ? PS_OK
                                                     : record_fail(member, "no such format");
}

enum ps_err grant_record_read(struct json_value row, struct grant_record *ret_record)
{
    struct grant_record record = {0};

    PS_TRY(json_read_object(row, grant_fields, PS_COUNT_OF(grant_fields), &record, NULL));
    PS_TRY(record_check_pattern("keys", record.keys));
    PS_TRY(record_check_strings("operations", record.operations, GRANT_OPS_MAX, check_operation));
    PS_TRY(record_check_strings("formats", record.formats, GRANT_FORMATS_MAX, check_format));
    if (json_count(record.operations) == 0) {
        return record_fail("operations", "empty");
    }
    *ret_record = record;
    return PS_OK;
}

void grant_record_put(const struct grant_record *record, struct ps_buf *out)
{
    record_put_text(out, "{\"client\":", record->client);
    record_put_json(out, ",\"formats\":", record->formats, "[]");
    record_put_text(out, ",\"id\":", record->id);
    record_put_text(out, ",\"keys\":", record->keys);
    record_put_number(out, ",\"not_after_s\":", record->not_after_s);
    record_put_json(out, ",\"operations\":", record->operations, "[]");
    record_put_number(out, ",\"rate_per_s\":", record->rate_per_s);
    ps_buf_put_str(out, "}");
}

static const struct json_field set_fields[] = {
    JSON_FIELD(struct set_record, keys, JSON_KIND_ARRAY, true, 0),
    JSON_FIELD(struct set_record, max_age_s, JSON_KIND_U64, true, RECORD_SECONDS_MAX),
    JSON_FIELD(struct set_record, name, JSON_KIND_NAME, true, 0),
};

enum ps_err set_record_read(struct json_value row, struct set_record *ret_record)
{
    struct set_record record = {0};

    PS_TRY(json_read_object(row, set_fields, PS_COUNT_OF(set_fields), &record, NULL));
    PS_TRY(record_check_strings("keys", record.keys, SET_PATTERNS_MAX, record_check_pattern));
    *ret_record = record;
    return PS_OK;
}

void set_record_put(const struct set_record *record, struct ps_buf *out)
{
    record_put_json(out, "{\"keys\":", record->keys, "[]");
    record_put_number(out, ",\"max_age_s\":", record->max_age_s);
    record_put_text(out, ",\"name\":", record->name);
    ps_buf_put_str(out, "}");
}

static const struct json_field policy_fields[] = {
    JSON_FIELD(struct policy_record, document, JSON_KIND_OBJECT, true, 0),
    JSON_FIELD(struct policy_record, epoch, JSON_KIND_U64, true, 0),
};

enum ps_err policy_record_read(struct json_value row, struct policy_record *ret_record)
{
    struct policy_record record = {0};

    PS_TRY(json_read_object(row, policy_fields, PS_COUNT_OF(policy_fields), &record, NULL));
    *ret_record = record;
    return PS_OK;
}

void policy_record_put(const struct policy_record *record, struct ps_buf *out)
{
    record_put_json(out, "{\"document\":", record->document, "{}");
    record_put_number(out, ",\"epoch\":", record->epoch);
    ps_buf_put_str(out, "}");
}
