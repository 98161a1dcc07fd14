#include "keystore/catalog/wrapped_record.h"

#include "keystore/catalog/record_fields.h"

static const struct json_field fields[] = {
    JSON_FIELD(struct wrapped_row, blob, JSON_KIND_OCTETS, true, WRAPPED_BLOB_MAX),
    JSON_FIELD(struct wrapped_row, key, JSON_KIND_NAME, true, 0),
    JSON_FIELD(struct wrapped_row, mac, JSON_KIND_OCTETS, true, WRAPPED_MAC_LEN),
    JSON_FIELD(struct wrapped_row, version, JSON_KIND_U32, true, 0),
    JSON_FIELD(struct wrapped_row, wrapping, JSON_KIND_U32, true, 0),
};

enum ps_err wrapped_row_read(struct json_value row, struct wrapped_row *ret_row)
{
    struct wrapped_row read = {.version = 0};

    PS_TRY(json_read_object(row, fields, PS_COUNT_OF(fields), &read, NULL));
    if (read.blob.len == 0) {
        return record_fail("blob", "empty");
    }
    if (read.mac.len != WRAPPED_MAC_LEN) {
        return record_fail("mac", "of another length");
    }
    if (read.version == 0 || read.wrapping == 0) {
        return record_fail("version", "versions count from 1");
    }
    *ret_row = read;
    return PS_OK;
}

void wrapped_row_put(const struct wrapped_row *row, struct ps_buf *out)
{
    record_put_octets(out, "{\"blob\":", row->blob);
    record_put_text(out, ",\"key\":", row->key);
    record_put_octets(out, ",\"mac\":", row->mac);
    record_put_number(out, ",\"version\":", row->version);
    record_put_number(out, ",\"wrapping\":", row->wrapping);
    ps_buf_put_str(out, "}");
}
