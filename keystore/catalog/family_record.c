#include "keystore/catalog/family_record.h"

#include "keystore/catalog/record_fields.h"

struct raw_family {
    struct family_record record;
    struct json_value key;
};

#define FAMILY_FIELD(member, kind_)                                                                \
    {                                                                                              \
        .name = #member, .offset = offsetof(struct raw_family, record.member),                     \
        .kind = JSON_KIND_##kind_, .required = true                                                \
    }

static const struct json_field family_fields[] = {
    FAMILY_FIELD(client, NAME), JSON_FIELD(struct raw_family, key, JSON_KIND_OBJECT, true, 0),
    FAMILY_FIELD(made, U64),    FAMILY_FIELD(maximum, U64),
    FAMILY_FIELD(prefix, NAME), FAMILY_FIELD(suspended, BOOL),
};

enum ps_err family_record_read(struct json_value row, struct family_record *ret_record)
{
    struct raw_family raw = {.key = {.doc = NULL}};
    struct family_record *record = &raw.record;

    PS_TRY(json_read_object(row, family_fields, PS_COUNT_OF(family_fields), &raw, NULL));
    PS_TRY(key_record_read(raw.key, &record->key));
    if (!ps_bytes_equal(record->key.name, record->prefix)) {
        return record_fail("key", "of another name than the prefix");
    }
    if (record->maximum == 0 || record->maximum > FAMILY_MAXIMUM) {
        return record_fail("maximum", "not from 1 to 100000000");
    }
    if (record->made > record->maximum) {
        return record_fail("made", "more than the maximum");
    }
    *ret_record = *record;
    return PS_OK;
}

void family_record_put(const struct family_record *record, struct ps_buf *out)
{
    record_put_text(out, "{\"client\":", record->client);
    ps_buf_put_str(out, ",\"key\":");
    key_record_put(&record->key, out);
    record_put_number(out, ",\"made\":", record->made);
    record_put_number(out, ",\"maximum\":", record->maximum);
    record_put_text(out, ",\"prefix\":", record->prefix);
    record_put_flag(out, ",\"suspended\":", record->suspended);
    ps_buf_put_str(out, "}");
}

bool family_record_is_alike(const struct family_record *one, const struct family_record *other)
{
    return ps_bytes_equal(one->prefix, other->prefix) &&
           ps_bytes_equal(one->client, other->client) && one->maximum == other->maximum &&
           key_record_is_same(&one->key, &other->key);
}
