#include "lib/ceremony/log/succession.h"

#include "lib/base/counted.h"
#include "lib/formats/tlog/note.h"

void log_succession_init(struct log_succession *succession)
{
    *succession = (struct log_succession){.key = {.max = LOG_KEY_TEXT_MAX}};
}

void log_succession_clear(struct log_succession *succession)
{
    ps_buf_clear(&succession->key);
}

enum ps_err log_succession_key(const struct log_succession *succession, struct note_key *ret_key)
{
    return log_key_parse(ps_buf_bytes(&succession->key), ret_key);
}

static enum ps_err text_of(struct json_value object, const char *name, struct ps_bytes *ret_text)
{
    struct json_value value;

    if (object.doc == NULL || json_type(object) != JSON_OBJECT ||
        !json_member(object, name, &value)) {
        return ps_fail(PS_E_INPUT, 0, "the leaf has no member \"%s\"", name);
    }
    return json_string(value, ret_text);
}

static enum ps_err take_key(struct log_succession *succession, struct ps_bytes text)
{
    struct note_key key;

    PS_TRY(log_key_parse(text, &key));
    ps_buf_reset(&succession->key);
    ps_buf_put(&succession->key, text);
    return ps_buf_status(&succession->key);
}

/* A key that was given from outside is the one that counts; a reader compares the two. */
static enum ps_err take_genesis(struct log_succession *succession, const struct log_event *event)
{
    struct ps_bytes text;

    if (succession->key.len != 0) {
        return PS_OK;
    }
    PS_TRY(log_genesis_read_key(event, &text));
    return take_key(succession, text);
}

static enum ps_err take_restored(struct log_succession *succession, uint64_t index,
                                 const struct merkle_hash *root, const struct log_event *event)
{
    struct checkpoint checkpoint;
    struct note_key key;
    struct ps_bytes note;

    PS_TRY(text_of(event->data, "checkpoint", &note));
    PS_TRY(log_succession_key(succession, &key));
    PS_TRY(checkpoint_open(note, &key, &checkpoint));
    if (!ps_bytes_equal(checkpoint.origin, key.name) || checkpoint.extension.len != 0 ||
        checkpoint.size != index ||
        (root != NULL && memcmp(root, &checkpoint.root, sizeof *root) != 0)) {
        return ps_fail(PS_E_DENIED, 0, "its checkpoint is not that of the %s before it",
                       ps_counted(index, "leaf", "leaves").text);
    }
    succession->is_restored = true;
    return PS_OK;
}

/* The row of the appliance that a result makes; doc NULL: it makes none. */
static struct json_value find_appliance(const struct log_event *event)
{
    struct json_value effects;
    struct json_value effect;
    struct json_value row;
    struct ps_bytes kind;
    uint32_t cursor = 0;

    if (event->data.doc == NULL || !json_member(event->data, "effects", &effects) ||
        json_type(effects) != JSON_ARRAY) {
        return (struct json_value){.doc = NULL};
    }
    while (json_next(effects, &cursor, NULL, &effect)) {
        if (text_of(effect, "kind", &kind) == PS_OK && ps_bytes_equal_str(kind, "appliance") &&
            json_member(effect, "row", &row)) {
            return row;
        }
    }
    return (struct json_value){.doc = NULL};
}

static enum ps_err take_result(struct log_succession *succession, const struct log_event *event)
{
    const struct json_value row = find_appliance(event);
    struct ps_bytes text;

    if (row.doc == NULL) {
        return PS_OK;
    }
    PS_TRY(text_of(row, "log_verifier", &text));
    if (ps_bytes_equal(text, ps_buf_bytes(&succession->key))) {
        return PS_OK;
    }
    if (!succession->is_restored) {
        return ps_fail(PS_E_DENIED, 0, "the log's key changes, and nothing was restored");
    }
    PS_TRY(take_key(succession, text));
    succession->is_restored = false;
    succession->count++;
    return PS_OK;
}

enum ps_err log_succession_take(struct log_succession *succession, uint64_t index,
                                const struct merkle_hash *root, const struct log_event *event)
{
    if (ps_bytes_equal_str(event->kind, "genesis")) {
        return take_genesis(succession, event);
    }
    if (ps_bytes_equal_str(event->kind, LOG_RESTORED_KIND)) {
        return take_restored(succession, index, root, event);
    }
    return ps_bytes_equal_str(event->kind, "result") ? take_result(succession, event) : PS_OK;
}
