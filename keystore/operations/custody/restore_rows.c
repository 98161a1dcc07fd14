#include "keystore/operations/custody/restore.h"

#include "keystore/custody/wrapping_keys.h"
#include "keystore/events/checkpoints.h"
#include "keystore/operations/keys/key_rows.h"
#include "lib/formats/public_key/public_key.h"

static const char *const own_names[RESTORED_KEYS] = {LOG_KEY_NAME, IDENTITY_KEY_NAME};

static bool is_gone(const struct restore_params *params, struct ps_bytes token)
{
    struct json_value value;
    struct ps_bytes name;
    uint32_t cursor = 0;

    while (json_next(params->gone, &cursor, NULL, &value)) {
        if (json_string(value, &name) == PS_OK && ps_bytes_equal(name, token)) {
            return true;
        }
    }
    return false;
}

/* --- The keys that the log and the identity go on with --- */

static enum ps_err put_new_version(struct operation *op, const struct key *key,
                                   const struct restored_key *made, struct ps_bytes token)
{
    PS_CLEANUP(public_key_free_cleanup) struct public_key *public = NULL;
    const uint64_t now_s = retrace_now_s(op);
    struct version_record version = {
        .key = ps_bytes_str(key->name),
        .number = key->latest + 1,
        .state = KEY_ACTIVE,
        .object_id = ps_bytes(made->object_id, OBJECT_ID_LEN),
        .public_key = ps_bytes(made->spki, made->spki_len),
        .token = token,
        .created_s = now_s,
        .activates_s = now_s,
    };
    PS_BUF_AUTO name = {.max = KEY_VERSION_NAME_MAX};

    PS_TRY(public_key_from_spki(version.public_key, &public));
    if (public_key_type(public) != PS_KEY_ED25519) {
        return ps_fail(PS_E_INPUT, 0, "a public key that is not of Ed25519");
    }
    version.kid = public_key_kid(public);
    version_record_put_name(version.key, version.number, &name);
    PS_TRY(ps_buf_status(&name));
    version_record_put(&version, operation_change(op, CATALOG_VERSION, ps_buf_bytes(&name), 0));
    return PS_OK;
}

/* The one of before is asked for nothing any more, wherever it may be. */
static enum ps_err replace_key(struct operation *op, size_t which, struct ps_bytes token,
                               const struct restored_key *made)
{
    const struct key *key = keys_find(op->keeper->keys, ps_bytes_str(own_names[which]));

    if (key == NULL) {
        return ps_fail(PS_E_STATE, 0, "there is no key %s", own_names[which]);
    }
    PS_TRY(key_rows_put_in(op, key, key->state, key->latest + 1, token));
    PS_TRY(key_rows_put_version(op, key, key->latest, KEY_DESTROYED));
    return put_new_version(op, key, made, token);
}

static enum ps_err put_appliance(struct operation *op, const struct restore_params *params)
{
    const struct restored_key *log = &params->offer.keys[RESTORED_LOG];
    ROW_AUTO row = {.parser = NULL};
    PS_BUF_AUTO verifier = {.max = LOG_VERIFIER_MAX};
    struct appliance_record record;

    PS_TRY(row_read(op->keeper, CATALOG_APPLIANCE, ps_bytes_str(APPLIANCE_ROW), &row));
    PS_TRY(appliance_record_read(row.body, &record));
    PS_TRY(checkpoints_put_verifier(op->keeper->appliance.origin, "events", "",
                                    ps_bytes(log->spki, log->spki_len), &verifier));
    record.log_object_id = ps_bytes(log->object_id, OBJECT_ID_LEN);
    record.log_token = ps_bytes_str(params->offer.token);
    record.log_verifier = ps_buf_bytes(&verifier);
    appliance_record_put(&record, operation_change(op, CATALOG_APPLIANCE,
                                                   ps_bytes_str(APPLIANCE_ROW), row.revision));
    return PS_OK;
}

/* --- The keys that wrap others, of which this token has a copy --- */

/*
 * Where the first token is gone, the copy is the key: others are carried from it, and its next
 * version is made there. Which token made a version stays in that one's row.
 */
static enum ps_err rehome(struct operation *op, const struct restore_params *params,
                          const char *name)
{
    const struct key *key = keys_find(op->keeper->keys, ps_bytes_str(name));
    const struct ps_bytes token = ps_bytes_str(params->offer.token);
    const struct key_version *latest = key == NULL ? NULL : key_latest(key);

    if (latest == NULL || !is_gone(params, ps_bytes_str(key->token)) ||
        !version_is_on(latest, token)) {
        return PS_OK;
    }
    return key_rows_put_in(op, key, key->state, key->latest, token);
}

enum ps_err restore_put_rows(struct operation *op, const struct restore_params *params)
{
    const struct ps_bytes token = ps_bytes_str(params->offer.token);

    PS_TRY(put_appliance(op, params));
    for (size_t i = 0; i < RESTORED_KEYS; i++) {
        PS_TRY(replace_key(op, i, token, &params->offer.keys[i]));
    }
    for (size_t i = 0; i < WRAPPING_KEYS_COUNT; i++) {
        PS_TRY(rehome(op, params, wrapping_key_names[i]));
    }
    return PS_OK;
}
