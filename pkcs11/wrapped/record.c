#include "pkcs11/wrapped/record.h"

#include "pkcs11/module/store_lock.h"
#include "pkcs11/use/use.h"

/* All fields at their longest, with their lengths. */
enum { COVERED_MAX = 8192, STORE_WAIT_MS = 100 };

static const char form[] = "privyseal wrapped key 1";

enum ps_err wrapped_key_read(struct ps_bytes id, enum ps_key_type type, struct ps_bytes octets,
                             struct wrapped_key *ret_key)
{
    struct wrapped_key key = {.id = id, .type = type};
    const struct ps_key_type_info *info = ps_key_type_info(type);

    PS_TRY(ipc_decode(&wrapped_record_info, octets, &key.record));
    if (id.len == 0 || info == NULL || ps_usage_name((enum ps_usage)key.record.usage) == NULL ||
        key.record.name.len == 0 || key.record.version == 0) {
        return ps_fail(PS_E_INPUT, 0, "no record of a wrapped key");
    }
    if (key.record.usage == PS_USAGE_WRAP) {
        return ps_fail(PS_E_INPUT, 0, "a wrapped key never wraps others");
    }
    *ret_key = key;
    return PS_OK;
}

enum ps_err wrapped_find_secret(struct session *session, struct ps_bytes id,
                                CK_OBJECT_HANDLE *ret_handle)
{
    static const CK_OBJECT_CLASS secret_key = CKO_SECRET_KEY;
    PS_CLEANUP(object_list_clear) struct object_list found = {0};

    if (id.len == 0) {
        return ps_fail(PS_E_INPUT, 0, "an empty id");
    }
    PS_TRY(object_find_id(session, id, &secret_key, &found));
    if (found.count != 1) {
        PS_TRY(session_check(session, true, ps_bytes(NULL, 0)));
        return ps_fail(PS_E_TOKEN, 0, "the token does not hold the key that wraps");
    }
    *ret_handle = found.handles[0];
    return PS_OK;
}

enum ps_err wrapped_find_handles(struct session *session, const struct wrapped_record *record,
                                 struct wrapped_handles *ret_handles)
{
    PS_CLEANUP(store_lock_drop)
    PS_UNUSED const int lock = store_lock_take_within(session->store, false, STORE_WAIT_MS);
    struct wrapped_handles handles;

    PS_TRY(wrapped_find_secret(session, record->wrapping_id, &handles.wrapping));
    PS_TRY(wrapped_find_secret(session, record->mac_id, &handles.mac));
    *ret_handles = handles;
    return PS_OK;
}

static void put_field(struct ps_buf *out, struct ps_bytes octets)
{
    ps_buf_put_u32(out, (uint32_t)octets.len);
    ps_buf_put(out, octets);
}

static enum ps_err put_covered(const struct wrapped_key *key, struct ps_buf *out)
{
    const struct wrapped_record *record = &key->record;

    put_field(out, ps_bytes_str(form));
    put_field(out, record->name);
    ps_buf_put_u32(out, 4);
    ps_buf_put_u32(out, record->version);
    put_field(out, ps_bytes_str(ps_key_type_info(key->type)->name));
    put_field(out, ps_bytes_str(ps_usage_name((enum ps_usage)record->usage)));
    put_field(out, key->id);
    put_field(out, record->wrapping_id);
    put_field(out, record->public_key);
    put_field(out, record->blob);
    return ps_buf_status(out);
}

enum ps_err wrapped_make_mac(struct session *session, CK_OBJECT_HANDLE mac_key,
                             const struct wrapped_key *key, uint8_t *out)
{
    struct use_task task = {.type = PS_KEY_HMAC_SHA256, .handle = mac_key};
    PS_BUF_AUTO covered = {.max = COVERED_MAX};
    enum ps_err err;

    PS_TRY(put_covered(key, &covered));
    task.data = ps_buf_bytes(&covered);
    err = action_mac(session, &task);
    if (err == PS_OK) {
        memcpy(out, task.out, TOKEN_MAC_LEN);
    }
    use_clear(&task);
    return err;
}
