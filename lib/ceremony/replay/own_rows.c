#include "lib/ceremony/replay/rows.h"

#include "lib/base/encode.h"

/*
 * Keys of the appliance itself: those of its log and identity, and those that wrap others. Which
 * objects of which token they are is in the documents; of a restored appliance the very keys.
 */

#define OBJECT_ID_LEN 16u

static bool is_object(struct json_value listed, struct json_value row)
{
    PS_BUF_AUTO ours = {.max = OBJECT_ID_LEN};
    PS_BUF_AUTO theirs = {.max = OBJECT_ID_LEN};
    struct ps_bytes text;

    return json_string(listed, &text) == PS_OK && ps_hex_decode(text, &theirs) == PS_OK &&
           replay_text_of(row, "object_id", &text) == PS_OK &&
           ps_base64url_decode(text, &ours) == PS_OK &&
           ps_bytes_equal(ps_buf_bytes(&ours), ps_buf_bytes(&theirs));
}

static bool has_listed_object(struct json_value params, struct json_value row)
{
    struct json_value list;
    struct json_value item;
    uint32_t cursor = 0;

    if (json_member(params, "object_id", &item)) {
        return is_object(item, row);
    }
    if (!json_member(params, "objects", &list) || json_type(list) != JSON_ARRAY) {
        return false;
    }
    while (json_next(list, &cursor, NULL, &item)) {
        if (is_object(item, row)) {
            return true;
        }
    }
    return false;
}

static size_t object_count(struct json_value params)
{
    struct json_value list;

    return json_member(params, "objects", &list) ? json_count(list) : 1;
}

/* The number of the version, as far as the document has it. */
static bool has_number(const struct operation_document *document, const char *member,
                       struct json_value row)
{
    uint64_t number;

    return replay_read_digits(document, member, &number) != PS_OK ||
           replay_number_is(row, "number", (int64_t)number);
}

/* The key that people approved, octet for octet. */
static bool has_approved_public(struct json_value params, struct json_value row)
{
    static const struct {
        const char *key;
        const char *member;
    } approved[] = {{"privyseal.log", "log_public"}, {"privyseal.identity", "identity_public"}};
    struct ps_bytes text;

    for (size_t i = 0; i < PS_COUNT_OF(approved); i++) {
        if (replay_text_is(row, "key", ps_bytes_str(approved[i].key)) &&
            replay_text_of(params, approved[i].member, &text) == PS_OK &&
            !replay_text_is(row, "public_key", text)) {
            return false;
        }
    }
    return true;
}

static enum ps_err check_new(const struct operation_document *document,
                             const struct replay_effect *effect)
{
    const struct json_value params = document->params;
    struct ps_bytes token;

    PS_TRY(operation_document_text(document, "token", &token));
    return replay_text_is(effect->row, "token", token) && has_listed_object(params, effect->row) &&
                   has_number(document, "version", effect->row) &&
                   has_approved_public(params, effect->row)
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0, "the row of %.*s is not what its document says",
                         PS_BYTES_FMT(effect->name));
}

/* Those that it replaces are used no more. */
static enum ps_err check_made(const struct operation_document *document,
                              const struct replay_effect *effect, size_t *count)
{
    struct ps_bytes token;

    if (ps_bytes_equal_str(effect->kind, "key")) {
        PS_TRY(operation_document_text(document, "token", &token));
        return replay_text_is(effect->row, "token", token) &&
                       replay_text_is(effect->row, "state", ps_bytes_str("active"))
                   ? PS_OK
                   : ps_fail(PS_E_DENIED, 0, "the row of %.*s is not what its document says",
                             PS_BYTES_FMT(effect->name));
    }
    if (replay_text_is(effect->row, "state", ps_bytes_str("active"))) {
        (*count)++;
        return check_new(document, effect);
    }
    return replay_text_is(effect->row, "state", ps_bytes_str("deactivated")) ||
                   replay_text_is(effect->row, "state", ps_bytes_str("destroyed"))
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0, "%.*s is in a state that nobody approved",
                         PS_BYTES_FMT(effect->name));
}

static bool has_replica(struct json_value row, struct ps_bytes token)
{
    struct json_value list;
    struct json_value item;
    struct ps_bytes text;
    uint32_t cursor = 0;

    while (json_member(row, "replicas", &list) && json_next(list, &cursor, NULL, &item)) {
        if (json_string(item, &text) == PS_OK && ps_bytes_equal(text, token)) {
            return true;
        }
    }
    return false;
}

static bool is_as_approved(const struct operation_document *document, struct json_value row)
{
    const char *type = document->type->name;
    struct ps_bytes token;

    if (replay_text_is(row, "key", ps_bytes_str("privyseal.transport"))) {
        return has_number(document, "transport", row) &&
               replay_text_is(row, "state", ps_bytes_str("destroyed"));
    }
    if (strcmp(type, "wrapping.rewrap") == 0) {
        return has_number(document, "from", row);
    }
    if (strcmp(type, "wrapping.destroy") == 0) {
        return has_number(document, "version", row) &&
               replay_text_is(row, "state", ps_bytes_str("destroyed"));
    }
    return has_number(document, "version", row) &&
           operation_document_text(document, "token", &token) == PS_OK && has_replica(row, token);
}

static const char *const makers[] = {"appliance.restore", "genesis", "wrapping.create",
                                     "wrapping.prepare"};
static const char *const changers[] = {"wrapping.carry", "wrapping.destroy", "wrapping.rewrap"};

static enum ps_err check_effect(const struct operation_document *document,
                                const struct replay_effect *effect, size_t *count)
{
    if (!ps_bytes_equal_str(effect->kind, "key") && !ps_bytes_equal_str(effect->kind, "version")) {
        return PS_OK;
    }
    if (replay_is_listed(ps_bytes_str(document->type->name), makers, PS_COUNT_OF(makers))) {
        return check_made(document, effect, count);
    }
    return is_as_approved(document, effect->row)
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0, "the row of %.*s is not what its document says",
                         PS_BYTES_FMT(effect->name));
}

enum ps_err replay_check_own_keys(const struct replayed *op, struct json_value effects)
{
    const struct operation_document *document = waiting_document(op->waiting);
    const struct ps_bytes type = ps_bytes_str(document->type->name);
    const bool makes = replay_is_listed(type, makers, PS_COUNT_OF(makers));
    struct replay_effect effect;
    struct json_value value;
    uint32_t cursor = 0;
    size_t count = 0;

    if (!makes && !replay_is_listed(type, changers, PS_COUNT_OF(changers))) {
        return PS_OK;
    }
    while (effects.doc != NULL && json_next(effects, &cursor, NULL, &value)) {
        PS_TRY(replay_read_effect(value, &effect));
        PS_TRY(check_effect(document, &effect, &count));
    }
    return !makes || count == object_count(document->params)
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0, "it made other keys than its document has");
}
