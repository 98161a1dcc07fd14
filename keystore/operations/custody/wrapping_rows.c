#include "keystore/operations/custody/wrapping_rows.h"

#include "keystore/operations/keys/key_rows.h"

void wrapping_lock_keys(struct operation *op)
{
    for (size_t i = 0; i < WRAPPING_KEYS_COUNT; i++) {
        operation_lock(op, "key", ps_bytes_str(wrapping_key_names[i]));
    }
}

enum ps_err wrapping_params_objects(struct operation *op, size_t count)
{
    struct json_value list;

    if (!json_member(op->params, "objects", &list) || json_count(list) != count) {
        return ps_fail(PS_E_INPUT, 0, "objects: not %zu", count);
    }
    op->object_count = 0;
    PS_TRY(document_objects(op, list));
    for (size_t i = 1; i < count; i++) {
        for (size_t before = 0; before < i; before++) {
            if (memcmp(op->objects[before].id, op->objects[i].id, OBJECT_ID_LEN) == 0) {
                return ps_fail(PS_E_INPUT, 0, "objects: one id twice");
            }
        }
    }
    return PS_OK;
}

struct version_row {
    struct row row;
    struct version_record record; /* borrows from it */
    struct ps_buf name;
};

static void clear_version_row(struct version_row *version)
{
    row_clear(&version->row);
    ps_buf_clear(&version->name);
}

#define VERSION_ROW_AUTO PS_CLEANUP(clear_version_row) struct version_row

static enum ps_err read_version(struct operation *op, const char *key, uint32_t number,
                                struct version_row *version)
{
    ps_buf_init(&version->name, KEY_VERSION_NAME_MAX);
    version_record_put_name(ps_bytes_str(key), number, &version->name);
    PS_TRY(row_read(op->keeper, CATALOG_VERSION, ps_buf_bytes(&version->name), &version->row));
    return version_record_read(version->row.body, &version->record);
}

static void put_version(struct operation *op, const struct version_row *version)
{
    version_record_put(
        &version->record,
        operation_change(op, CATALOG_VERSION, ps_buf_bytes(&version->name), version->row.revision));
}

enum ps_err wrapping_rows_add_replica(struct operation *op, uint32_t number, struct ps_bytes token)
{
    for (size_t i = 0; i < WRAPPING_KEYS_COUNT; i++) {
        VERSION_ROW_AUTO version = {.row = {.parser = NULL}};

        PS_TRY(read_version(op, wrapping_key_names[i], number, &version));
        if (version.record.replica_count == VERSION_REPLICAS_MAX) {
            return ps_fail(PS_E_LIMIT, 0, "it is in %u tokens already", VERSION_REPLICAS_MAX + 1);
        }
        version.record.replicas[version.record.replica_count++] = token;
        put_version(op, &version);
    }
    return PS_OK;
}

enum ps_err wrapping_rows_set_empty(struct operation *op, uint32_t number)
{
    for (size_t i = 0; i < WRAPPING_KEYS_COUNT; i++) {
        VERSION_ROW_AUTO version = {.row = {.parser = NULL}};

        PS_TRY(read_version(op, wrapping_key_names[i], number, &version));
        version.record.expires_s = retrace_now_s(op);
        put_version(op, &version);
    }
    return PS_OK;
}

enum ps_err wrapping_rows_destroy(struct operation *op, uint32_t number)
{
    for (size_t i = 0; i < WRAPPING_KEYS_COUNT; i++) {
        const struct key *key = keys_find(op->keeper->keys, ps_bytes_str(wrapping_key_names[i]));

        if (key == NULL) {
            return ps_fail(PS_E_STATE, 0, "there is no key that wraps");
        }
        PS_TRY(key_rows_put_version(op, key, number, KEY_DESTROYED));
    }
    return PS_OK;
}
