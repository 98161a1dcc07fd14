#include "lib/ceremony/backup/backup_row.h"

#include "lib/base/encode.h"

struct members {
    struct json_value body;
    struct ps_bytes kind;
    struct ps_bytes name;
};

static const struct json_field fields[] = {
    JSON_FIELD(struct members, body, JSON_KIND_OBJECT, true, 0),
    JSON_FIELD(struct members, kind, JSON_KIND_STRING, true, 32),
    JSON_FIELD(struct members, name, JSON_KIND_STRING, true, 2 * BACKUP_ROW_ID_LEN),
};

enum ps_err backup_row_read(struct json *json, struct ps_bytes octets, struct backup_row *ret_row)
{
    PS_BUF_AUTO id = {.max = BACKUP_ROW_ID_LEN};
    struct members members = {.kind = {NULL, 0}};
    struct json_value root;

    PS_TRY(json_parse(json, octets, &JSON_LIMITS_REQUEST, &root));
    if (json_type(root) != JSON_OBJECT) {
        return ps_fail(PS_E_INPUT, 0, "a row that is no object");
    }
    PS_TRY(json_read_object(root, fields, PS_COUNT_OF(fields), &members, NULL));
    /* Whatever authorises something comes from the log alone. */
    if (!ps_bytes_equal_str(members.kind, BACKUP_ROW_KIND)) {
        return ps_fail(PS_E_INPUT, 0, "a row of a kind that no backup has");
    }
    PS_TRY(ps_hex_decode(members.name, &id));
    if (id.len != BACKUP_ROW_ID_LEN) {
        return ps_fail(PS_E_INPUT, 0, "a row whose name is no id");
    }
    ret_row->body = members.body;
    ret_row->name = members.name;
    memcpy(ret_row->object_id, id.data, id.len);
    return PS_OK;
}
