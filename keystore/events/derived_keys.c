#include "keystore/events/derived_keys.h"

#include "keystore/log/leaf.h"

void derived_keys_init(struct derived_keys *keys)
{
    log_succession_init(&keys->keys);
    ps_buf_init(&keys->restored, LOG_ENTRY_MAX);
    ps_buf_init(&keys->offered, LOG_ENTRY_MAX);
}

void derived_keys_clear(struct derived_keys *keys)
{
    log_succession_clear(&keys->keys);
    ps_buf_clear(&keys->restored);
    ps_buf_clear(&keys->offered);
}

static enum ps_err keep(struct ps_buf *to, const struct log_event *leaf)
{
    ps_buf_reset(to);
    if (leaf->data.doc != NULL) {
        ps_buf_put(to, json_raw(leaf->data));
    }
    return ps_buf_status(to);
}

static enum ps_err take_restored(struct derived_keys *keys, struct log *events, uint64_t event,
                                 const struct log_event *leaf)
{
    struct merkle_hash root;

    PS_TRY(log_root(events, event, &root));
    PS_TRY(log_succession_take(&keys->keys, event, &root, leaf));
    ps_buf_reset(&keys->offered);
    keys->restored_event = event;
    return keep(&keys->restored, leaf);
}

enum ps_err derived_keys_take(struct derived_keys *keys, struct log *events, uint64_t event,
                              const struct log_event *leaf, enum derived_keys_change *ret_change)
{
    const unsigned count = keys->keys.count;

    *ret_change = DERIVED_KEYS_NONE;
    if (ps_bytes_equal_str(leaf->kind, RESTORED_KEYS_KIND)) {
        return keep(&keys->offered, leaf);
    }
    if (ps_bytes_equal_str(leaf->kind, LOG_RESTORED_KIND)) {
        *ret_change = DERIVED_KEYS_RESTORED;
        return take_restored(keys, events, event, leaf);
    }
    PS_TRY(log_succession_take(&keys->keys, event, NULL, leaf));
    if (keys->keys.count != count) {
        *ret_change = DERIVED_KEYS_NEXT;
        keys->named_event = event;
        ps_buf_reset(&keys->offered);
    }
    return PS_OK;
}
