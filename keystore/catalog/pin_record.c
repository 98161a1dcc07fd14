#include "keystore/catalog/pin_record.h"

#include "keystore/catalog/record_fields.h"
#include "lib/base/hash.h"
#include "lib/base/name.h"

static const struct json_field holder_fields[] = {
    JSON_FIELD(struct pin_holder, certificate, JSON_KIND_OCTETS, true, PS_SHA256_LEN),
    JSON_FIELD(struct pin_holder, commitment, JSON_KIND_OCTETS, true, PS_SHA256_LEN),
    JSON_FIELD(struct pin_holder, entry, JSON_KIND_OCTETS, true, PS_SHA256_LEN),
    JSON_FIELD(struct pin_holder, officer, JSON_KIND_NAME, true, 0),
    JSON_FIELD(struct pin_holder, sealed, JSON_KIND_OCTETS, true, CMS_SEALED_MAX),
};

struct raw_pin {
    struct ps_bytes check;
    struct json_value holders;
    bool next;
    struct ps_bytes pin;
    struct ps_bytes salt;
    struct ps_bytes set;
    uint32_t threshold;
    struct ps_bytes token;
};

static const struct json_field fields[] = {
    JSON_FIELD(struct raw_pin, check, JSON_KIND_OCTETS, true, PIN_CHECK_VALUE),
    JSON_FIELD(struct raw_pin, holders, JSON_KIND_ARRAY, true, 0),
    JSON_FIELD(struct raw_pin, next, JSON_KIND_BOOL, true, 0),
    JSON_FIELD(struct raw_pin, pin, JSON_KIND_STRING, true, 8),
    JSON_FIELD(struct raw_pin, salt, JSON_KIND_OCTETS, true, PIN_CHECK_SALT),
    JSON_FIELD(struct raw_pin, set, JSON_KIND_OCTETS, true, SHARE_SET_LEN),
    JSON_FIELD(struct raw_pin, threshold, JSON_KIND_U32, true, SHARE_COUNT_MAX),
    JSON_FIELD(struct raw_pin, token, JSON_KIND_NAME, true, 0),
};

static enum ps_err read_holder(struct json_value value, struct pin_holder *ret_holder)
{
    *ret_holder = (struct pin_holder){.officer = {NULL, 0}};
    if (json_type(value) != JSON_OBJECT) {
        return record_fail("holders", "not an object");
    }
    PS_TRY(json_read_object(value, holder_fields, PS_COUNT_OF(holder_fields), ret_holder, NULL));
    if (ret_holder->certificate.len != PS_SHA256_LEN ||
        ret_holder->commitment.len != PS_SHA256_LEN || ret_holder->entry.len != PS_SHA256_LEN ||
        ret_holder->sealed.len == 0) {
        return record_fail("holders", "a hash or a sealed share that is too short");
    }
    return PS_OK;
}

static enum ps_err check_holders(struct json_value holders)
{
    struct ps_bytes names[SHARE_COUNT_MAX];
    struct json_value value;
    struct pin_holder holder;
    uint32_t cursor = 0;
    size_t count = 0;

    while (json_next(holders, &cursor, NULL, &value)) {
        if (count == SHARE_COUNT_MAX) {
            return record_fail("holders", "too many");
        }
        PS_TRY(read_holder(value, &holder));
        for (size_t i = 0; i < count; i++) {
            if (ps_bytes_equal(names[i], holder.officer)) {
                return record_fail("holders", "an officer twice");
            }
        }
        names[count++] = holder.officer;
    }
    return PS_OK;
}

static enum ps_err check_lengths(const struct raw_pin *raw)
{
    if (raw->check.len != PIN_CHECK_VALUE || raw->salt.len != PIN_CHECK_SALT ||
        raw->set.len != SHARE_SET_LEN) {
        return record_fail("check", "check, salt and set have 32, 16 and 16 octets");
    }
    if (raw->threshold < SHARE_THRESHOLD_MIN || raw->threshold > json_count(raw->holders)) {
        return record_fail("threshold", "not from 2 to the number of holders");
    }
    return PS_OK;
}

enum ps_err pin_record_read(struct json_value row, struct pin_record *ret_record)
{
    static const char *const names[] = {"user", "so"};
    struct raw_pin raw = {.threshold = 0};
    unsigned pin;

    PS_TRY(json_read_object(row, fields, PS_COUNT_OF(fields), &raw, NULL));
    PS_TRY(record_read_choice("pin", raw.pin, names, PS_COUNT_OF(names), &pin));
    PS_TRY(check_lengths(&raw));
    PS_TRY(check_holders(raw.holders));
    *ret_record = (struct pin_record){
        .token = raw.token,
        .pin = pin == 0 ? SHARE_PIN_USER : SHARE_PIN_SO,
        .is_next = raw.next,
        .set = raw.set,
        .threshold = raw.threshold,
        .salt = raw.salt,
        .check = raw.check,
        .holders = raw.holders,
    };
    return PS_OK;
}

void pin_holder_put(const struct pin_holder *holder, struct ps_buf *out)
{
    record_put_octets(out, "{\"certificate\":", holder->certificate);
    record_put_octets(out, ",\"commitment\":", holder->commitment);
    record_put_octets(out, ",\"entry\":", holder->entry);
    record_put_text(out, ",\"officer\":", holder->officer);
    record_put_octets(out, ",\"sealed\":", holder->sealed);
    ps_buf_put_str(out, "}");
}

void pin_record_put(const struct pin_record *record, struct ps_buf *out)
{
    record_put_octets(out, "{\"check\":", record->check);
    record_put_json(out, ",\"holders\":", record->holders, "[]");
    record_put_flag(out, ",\"next\":", record->is_next);
    record_put_text(out, ",\"pin\":", ps_bytes_str(share_pin_name(record->pin)));
    record_put_octets(out, ",\"salt\":", record->salt);
    record_put_octets(out, ",\"set\":", record->set);
    record_put_number(out, ",\"threshold\":", record->threshold);
    record_put_text(out, ",\"token\":", record->token);
    ps_buf_put_str(out, "}");
}

bool pin_record_holder(const struct pin_record *record, size_t index, struct pin_holder *ret_holder)
{
    struct json_value value;
    uint32_t cursor = 0;

    for (size_t i = 0; json_next(record->holders, &cursor, NULL, &value); i++) {
        if (i == index) {
            return read_holder(value, ret_holder) == PS_OK;
        }
    }
    return false;
}

void pin_record_put_name(struct ps_bytes token, enum share_pin pin, bool is_next,
                         struct ps_buf *out)
{
    ps_buf_put(out, token);
    ps_buf_printf(out, "/%s%s", share_pin_name(pin), is_next ? "/" PIN_NEXT : "");
}
