#include "keystore/operations/internal.h"

/*
 * What the approved policy lets the appliance do by itself: rotate by period, activate successors
 * when their time has come, deactivate what has expired. Each is an operation like any other.
 */

#define PAUSE_S 60u

static void begin(struct operations *operations, struct key *key, const char *type,
                  const char *reason, uint32_t version)
{
    struct operation *op = operation_new(operations, operation_type_find(ps_bytes_str(type)));
    PS_BUF_AUTO parameters;

    ps_buf_init(&parameters, 64);
    key->schedule_s = real_now_s() + PAUSE_S;
    if (op == NULL) {
        return;
    }
    if (version != 0) {
        ps_buf_printf(&parameters, "{\"version\":%u}", version);
    }
    ps_buf_printf(&op->request_id, "scheduled-%.8s", op->id + OPERATION_ID_LEN - 8);
    ps_buf_put_str(&op->subject, key->name);
    ps_buf_put_str(&op->reason, reason);
    operation_begin(op, ps_buf_bytes(&parameters));
}

static bool rotation_is_due(struct key *key, uint64_t now_s)
{
    const struct key_version *active = key_active(key, now_s);

    return key->rotation.period_s != 0 && active != NULL && active == key_latest(key) &&
           now_s + key->rotation.publish_ahead_s >= active->activates_s + key->rotation.period_s;
}

static const struct key_version *successor_due(const struct key *key, uint64_t now_s)
{
    const struct key_version *latest = key_latest(key);

    return latest != NULL && latest->state == KEY_PRE_ACTIVATION && latest->activates_s <= now_s
               ? latest
               : NULL;
}

static const struct key_version *expired(const struct key *key, uint64_t now_s)
{
    for (size_t i = 0; i < key->version_count; i++) {
        const struct key_version *version = key->versions[i];

        if (version->state == KEY_ACTIVE && version->expires_s != 0 &&
            version->expires_s <= now_s) {
            return version;
        }
    }
    return NULL;
}

static void look_at(struct operations *operations, struct key *key, uint64_t now_s)
{
    const struct key_version *version;

    if (key->state != KEY_ACTIVE || now_s < key->schedule_s) {
        return;
    }
    version = successor_due(key, now_s);
    if (version != NULL) {
        begin(operations, key, "key.activate", "its time has come", version->number);
        return;
    }
    version = expired(key, now_s);
    if (version != NULL) {
        begin(operations, key, "key.deactivate", "it has expired", version->number);
        return;
    }
    if (rotation_is_due(key, now_s)) {
        begin(operations, key, "key.rotate", "its period is over", 0);
    }
}

void schedule_what_is_due(struct operations *operations)
{
    const uint64_t now_s = real_now_s();
    size_t cursor = 0;
    struct key *key;

    while ((key = keys_next(operations->keeper->keys, &cursor)) != NULL) {
        look_at(operations, key, now_s);
    }
}
