#include "keystore/catalog/pruned_record.h"

#include "keystore/catalog/record_fields.h"
#include "lib/base/hash.h"
#include "lib/ceremony/log/leaf.h"

static const struct json_field fields[] = {
    JSON_FIELD(struct pruned_record, archive, JSON_KIND_OCTETS, true, PS_SHA256_LEN),
    JSON_FIELD(struct pruned_record, name, JSON_KIND_STRING, true, 0),
    JSON_FIELD(struct pruned_record, place, JSON_KIND_STRING, true, PRUNED_PLACE_MAX),
    JSON_FIELD(struct pruned_record, root, JSON_KIND_OCTETS, true, PS_SHA256_LEN),
    JSON_FIELD(struct pruned_record, size, JSON_KIND_U64, true, 0),
};

enum ps_err pruned_record_read(struct json_value row, struct pruned_record *ret_record)
{
    struct pruned_record record = {.size = 0};

    PS_TRY(json_read_object(row, fields, PS_COUNT_OF(fields), &record, NULL));
    PS_TRY(record_check_free_text("place", record.place));
    if (!log_shard_name_valid(record.name)) {
        return record_fail("name", "not a shard's");
    }
    if (record.archive.len != PS_SHA256_LEN || record.root.len != PS_SHA256_LEN) {
        return record_fail("archive", "archive and root have 32 octets");
    }
    if (record.size == 0) {
        return record_fail("size", "a complete shard has a leaf");
    }
    *ret_record = record;
    return PS_OK;
}

void pruned_record_put(const struct pruned_record *record, struct ps_buf *out)
{
    record_put_octets(out, "{\"archive\":", record->archive);
    record_put_text(out, ",\"name\":", record->name);
    record_put_text(out, ",\"place\":", record->place);
    record_put_octets(out, ",\"root\":", record->root);
    record_put_number(out, ",\"size\":", record->size);
    ps_buf_put_str(out, "}");
}
