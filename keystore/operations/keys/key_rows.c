#include "keystore/operations/internal.h"

#include "keystore/operations/keys/key_rows.h"

/* New rows of keys and versions, made from the present ones. */

enum ps_err key_rows_put(struct operation *op, const struct key *key, enum key_state state,
                         uint32_t latest)
{
    return key_rows_put_in(op, key, state, latest, ps_bytes(NULL, 0));
}

enum ps_err key_rows_put_in(struct operation *op, const struct key *key, enum key_state state,
                            uint32_t latest, struct ps_bytes token)
{
    ROW_AUTO row = {.parser = NULL};
    const struct ps_bytes name = ps_bytes_str(key->name);
    struct key_record record;

    PS_TRY(row_read(op->keeper, CATALOG_KEY, name, &row));
    PS_TRY(key_record_read(row.body, &record));
    record.state = state;
    record.latest = latest;
    record.token = token.len == 0 ? record.token : token;
    key_record_put(&record, operation_change(op, CATALOG_KEY, name, row.revision));
    return PS_OK;
}

/* Names, numbers and the words between them. */
#define ROW_REST 768u

size_t key_rows_room(const struct key *key)
{
    const size_t own = ROW_REST + (key->labels == NULL ? 0 : strlen(key->labels)) +
                       6 * (strlen(key->jwt_issuer) + strlen(key->jwt_type));
    const size_t all = LOG_ENTRY_MAX - 1024u;

    return own < all ? all - own : 0;
}

size_t key_rows_version_len(const struct key_version *version)
{
    return ROW_REST + ps_base64url_len(version->spki_len);
}

/* A version that stops signing says when; that counts how long it stays published. */
static void set_state(struct version_record *record, enum key_state state, uint64_t now_s)
{
    if (state == KEY_ACTIVE && record->state == KEY_PRE_ACTIVATION) {
        record->activates_s = now_s;
    }
    if ((state == KEY_DEACTIVATED || state == KEY_COMPROMISED) && record->retired_s == 0) {
        record->retired_s = now_s;
    }
    record->state = state;
}

/* name: of KEY_VERSION_NAME_MAX; the record borrows from the row */
static enum ps_err read_version(const struct operation *op, const struct key *key, uint32_t number,
                                struct ps_buf *name, struct row *row,
                                struct version_record *ret_record)
{
    version_record_put_name(ps_bytes_str(key->name), number, name);
    PS_TRY(ps_buf_status(name));
    if (op->change_count == CHANGES_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "more than %u rows change", CHANGES_MAX);
    }
    PS_TRY(row_read(op->keeper, CATALOG_VERSION, ps_buf_bytes(name), row));
    return version_record_read(row->body, ret_record);
}

enum ps_err key_rows_put_version(struct operation *op, const struct key *key, uint32_t number,
                                 enum key_state state)
{
    ROW_AUTO row = {.parser = NULL};
    struct version_record record;
    PS_BUF_AUTO name = {.max = KEY_VERSION_NAME_MAX};

    PS_TRY(read_version(op, key, number, &name, &row, &record));
    set_state(&record, state, retrace_now_s(op));
    version_record_put(&record,
                       operation_change(op, CATALOG_VERSION, ps_buf_bytes(&name), row.revision));
    return PS_OK;
}

enum ps_err key_rows_put_mark(struct operation *op, const struct key *key, uint32_t number,
                              bool is_unproven)
{
    ROW_AUTO row = {.parser = NULL};
    struct version_record record;
    PS_BUF_AUTO name = {.max = KEY_VERSION_NAME_MAX};

    PS_TRY(read_version(op, key, number, &name, &row, &record));
    record.is_unproven = is_unproven;
    version_record_put(&record,
                       operation_change(op, CATALOG_VERSION, ps_buf_bytes(&name), row.revision));
    return PS_OK;
}
