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

/* The keys of which a type of operation has rows. The objects of its document are of the first
 * ones, in this order. */
#define OWN_MAX 5u
#define WRAPS   "privyseal.wrapping", "privyseal.wrapping-secrets", "privyseal.record-mac"

static const struct own {
    const char *type;
    bool makes; /* new versions, and not only changes of old ones */
    const char *keys[OWN_MAX];
} own[] = {
    {"appliance.restore", true, {"privyseal.log", "privyseal.identity", WRAPS}},
    {"genesis", true, {"privyseal.log", "privyseal.identity"}},
    {"wrapping.carry", false, {WRAPS, "privyseal.transport"}},
    {"wrapping.create", true, {WRAPS}},
    {"wrapping.destroy", false, {WRAPS}},
    {"wrapping.prepare", true, {"privyseal.transport"}},
    {"wrapping.rewrap", false, {WRAPS}},
};

static const struct own *own_of(const char *type)
{
    for (size_t i = 0; i < PS_COUNT_OF(own); i++) {
        if (strcmp(own[i].type, type) == 0) {
            return &own[i];
        }
    }
    return NULL;
}

static bool has_object_at(struct json_value params, size_t place, struct json_value row)
{
    struct json_value list;
    struct json_value item;
    uint32_t cursor = 0;
    size_t at = 0;

    if (json_member(params, "object_id", &item)) {
        return place == 0 && is_object(item, row);
    }
    if (!json_member(params, "objects", &list) || json_type(list) != JSON_ARRAY) {
        return false;
    }
    while (json_next(list, &cursor, NULL, &item)) {
        if (at++ == place) {
            return is_object(item, row);
        }
    }
    return false;
}

static size_t object_count(struct json_value params)
{
    struct json_value list;

    return json_member(params, "objects", &list) ? json_count(list) : 1;
}

static enum ps_err is_another(const struct replay_effect *effect)
{
    return ps_fail(PS_E_DENIED, 0, "the row of %.*s is not what its document says",
                   PS_BYTES_FMT(effect->name));
}

static bool is_of(const struct replay_effect *effect, const char *key)
{
    const char *member = ps_bytes_equal_str(effect->kind, "key") ? "name" : "key";

    return replay_text_is(effect->row, member, ps_bytes_str(key)) && replay_is_named(effect);
}

/* Which of its keys a row is of. */
static enum ps_err find_place(const struct own *of, const struct replay_effect *effect,
                              size_t *ret_place)
{
    for (size_t i = 0; i < OWN_MAX && of->keys[i] != NULL; i++) {
        if (is_of(effect, of->keys[i])) {
            *ret_place = i;
            return PS_OK;
        }
    }
    return is_another(effect);
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
                             const struct replay_effect *effect, size_t place)
{
    const struct json_value params = document->params;
    struct ps_bytes token;

    PS_TRY(operation_document_text(document, "token", &token));
    return replay_text_is(effect->row, "token", token) &&
                   has_object_at(params, place, effect->row) &&
                   has_number(document, "version", effect->row) &&
                   has_approved_public(params, effect->row)
               ? PS_OK
               : is_another(effect);
}

/* Those that it replaces are used no more. *made: a bit for each key that has a new version. */
static enum ps_err check_made(const struct operation_document *document,
                              const struct replay_effect *effect, size_t place, uint32_t *made)
{
    struct ps_bytes token;

    if (ps_bytes_equal_str(effect->kind, "key")) {
        PS_TRY(operation_document_text(document, "token", &token));
        return replay_text_is(effect->row, "token", token) &&
                       replay_text_is(effect->row, "state", ps_bytes_str("active"))
                   ? PS_OK
                   : is_another(effect);
    }
    if (replay_text_is(effect->row, "state", ps_bytes_str("active"))) {
        if ((*made & (UINT32_C(1) << place)) != 0) {
            return is_another(effect);
        }
        *made |= UINT32_C(1) << place;
        return check_new(document, effect, place);
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

static enum ps_err check_effect(const struct operation_document *document, const struct own *of,
                                const struct replay_effect *effect, uint32_t *made)
{
    size_t place;

    if (!ps_bytes_equal_str(effect->kind, "key") && !ps_bytes_equal_str(effect->kind, "version")) {
        return PS_OK;
    }
    PS_TRY(find_place(of, effect, &place));
    if (of->makes) {
        return check_made(document, effect, place, made);
    }
    return is_as_approved(document, effect->row) ? PS_OK : is_another(effect);
}

enum ps_err replay_check_own_keys(const struct replayed *op, struct json_value effects)
{
    const struct operation_document *document = waiting_document(op->waiting);
    const struct own *of = own_of(document->type->name);
    struct replay_effect effect;
    struct json_value value;
    uint32_t cursor = 0;
    size_t count;
    uint32_t made = 0;

    if (of == NULL) {
        return PS_OK;
    }
    while (effects.doc != NULL && json_next(effects, &cursor, NULL, &value)) {
        PS_TRY(replay_read_effect(value, &effect));
        PS_TRY(check_effect(document, of, &effect, &made));
    }
    count = object_count(document->params);
    return !of->makes || (count <= OWN_MAX && made + 1 == UINT32_C(1) << count)
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0, "it made other keys than its document has");
}
