#include "lib/ceremony/replay/rows.h"

#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/ceremony/operation/keys.h"
#include "lib/formats/public_key/public_key.h"

#define OBJECT_ID_LEN    16u
#define SPKI_MAX         1024u
#define VERSION_NAME_MAX (PS_NAME_MAX + 12u)
/* Between an intent, the rows of its key and the result: what a clock may be set by. */
#define SLACK_S 60u

/* --- The row of a key, against the parameters that it was made of --- */

/* A rotation says what most keys have by leaving it out. */
static bool is_default(struct ps_bytes name, struct json_value param)
{
    struct ps_bytes text;

    return ps_bytes_equal_str(name, "on_expiry") && json_string(param, &text) == PS_OK &&
           ps_bytes_equal_str(text, "warn");
}

static bool has_same_members(struct json_value row, struct json_value param)
{
    struct json_value theirs;
    struct json_value ours;
    struct ps_bytes name;
    uint32_t cursor = 0;

    while (json_next(row, &cursor, &name, &ours)) {
        if (!replay_find_member(param, name, &theirs) || !replay_is_same(ours, theirs)) {
            return false;
        }
    }
    cursor = 0;
    while (json_next(param, &cursor, &name, &theirs)) {
        if (!replay_find_member(row, name, &ours) && !is_default(name, theirs)) {
            return false;
        }
    }
    return true;
}

static bool has_value(struct json_value row, struct json_value param)
{
    return replay_is_same(row, param) ||
           (json_type(row) == JSON_OBJECT && json_type(param) == JSON_OBJECT &&
            has_same_members(row, param));
}

/* Those that have no member of their own in the row, or are looked at by themselves. */
static const char *const not_of_the_row[] = {"attributes", "class",   "client", "family",
                                             "keys",       "maximum", "name",   "prefix",
                                             "object_id",  "profile", "serial", "token"};

/* A row without the member is of class B, and a document without it too. */
static bool is_class_a(struct json_value object)
{
    return replay_text_is(object, "class", ps_bytes_str("A"));
}

static enum ps_err check_class(struct json_value params, struct json_value row, size_t *count)
{
    struct json_value value;

    if (is_class_a(params) != is_class_a(row)) {
        return ps_fail(PS_E_DENIED, 0, "only one of the row and its document has a key of class A");
    }
    if (json_member(row, "class", &value)) {
        (*count)++;
    }
    return PS_OK;
}

enum ps_err replay_check_key_row(struct json_value params, struct ps_bytes name,
                                 struct json_value row)
{
    struct json_value param;
    struct json_value ours;
    struct ps_bytes member;
    uint32_t cursor = 0;
    size_t count = 3; /* latest, name, token */

    PS_TRY(check_class(params, row, &count));
    while (json_next(params, &cursor, &member, &param)) {
        if (replay_is_listed(member, not_of_the_row, PS_COUNT_OF(not_of_the_row))) {
            continue;
        }
        if (!replay_find_member(row, member, &ours) || !has_value(ours, param)) {
            return ps_fail(PS_E_DENIED, 0, "`%.*s` of a key's row is not what its document says",
                           PS_BYTES_FMT(member));
        }
        count++;
    }
    return json_count(row) == count && replay_text_is(row, "name", name) &&
                   replay_number_is(row, "latest", 1) && json_member(params, "token", &param) &&
                   json_member(row, "token", &ours) && replay_is_same(ours, param)
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0, "a key's row is not what its document says");
}

/* --- The row of a new version --- */

/* One that is made, and what its document does not have by the same name. */
struct new_version {
    const struct replayed *op;
    struct ps_bytes key;
    uint64_t number;
    struct ps_bytes object_id; /* in hexadecimal */
    uint64_t ahead_s;          /* from when it is made to when it is active */
    uint64_t validity_s;       /* 0: without end */
    uint64_t end_ns;           /* of its result */
};

static enum ps_err check_kid(struct json_value row, struct ps_bytes kid)
{
    return replay_text_is(row, "kid", kid)
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0, "its `kid` is not that of its public key");
}

static enum ps_err check_public_key(struct json_value params, struct json_value row)
{
    PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;
    PS_BUF_AUTO spki = {.max = SPKI_MAX};
    enum ps_key_type type;
    struct ps_bytes text;
    struct ps_bytes name;

    PS_TRY(replay_text_of(row, "public_key", &text));
    PS_TRY(replay_text_of(params, "type", &name));
    type = ps_key_type_by_name(name);
    if (text.len == 0 && ps_key_type_info(type)->family == PS_FAMILY_SECRET) {
        return check_kid(row, ps_bytes(NULL, 0)); /* what it is, no leaf shows */
    }
    PS_TRY(ps_base64url_decode(text, &spki));
    PS_TRY(public_key_from_spki(ps_buf_bytes(&spki), &key));
    PS_TRY(check_kid(row, public_key_kid(key)));
    return public_key_type(key) == type
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0, "its public key is of another type");
}

static bool has_its_object(struct ps_bytes object_id, struct json_value row)
{
    PS_BUF_AUTO ours = {.max = OBJECT_ID_LEN};
    PS_BUF_AUTO theirs = {.max = OBJECT_ID_LEN};
    struct ps_bytes text;

    return ps_hex_decode(object_id, &theirs) == PS_OK &&
           replay_text_of(row, "object_id", &text) == PS_OK &&
           ps_base64url_decode(text, &ours) == PS_OK &&
           ps_bytes_equal(ps_buf_bytes(&ours), ps_buf_bytes(&theirs));
}

/* It was made between intent and result, and is valid for as long as people approved. */
static enum ps_err check_times(const struct new_version *version, struct json_value row)
{
    const uint64_t begun_s = version->op->begun_ns / PS_NS_PER_S;
    const uint64_t end_s = version->end_ns / PS_NS_PER_S;
    uint64_t activates_s;
    uint64_t created_s;
    uint64_t expires_s;

    PS_TRY(replay_read_number(row, "created_s", &created_s));
    PS_TRY(replay_read_number(row, "activates_s", &activates_s));
    PS_TRY(replay_read_number(row, "expires_s", &expires_s));
    if (created_s + SLACK_S < (begun_s < end_s ? begun_s : end_s) ||
        created_s > (begun_s < end_s ? end_s : begun_s) + SLACK_S) {
        return ps_fail(PS_E_DENIED, 0, "its row says that it was made at another time");
    }
    return activates_s == created_s + version->ahead_s &&
                   expires_s ==
                       (version->validity_s == 0 ? 0 : activates_s + version->validity_s) &&
                   replay_number_is(row, "retired_s", 0)
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0, "it is not valid for as long as people approved");
}

static enum ps_err check_new_version(const struct new_version *version, struct json_value row)
{
    const struct json_value params = waiting_document(version->op->waiting)->params;
    struct json_value value;
    struct ps_bytes token;

    PS_TRY(replay_text_of(params, "token", &token));
    if (!replay_text_is(row, "key", version->key) ||
        !replay_number_is(row, "number", (int64_t)version->number) ||
        !replay_text_is(row, "token", token) || json_member(row, "replicas", &value) ||
        !has_its_object(version->object_id, row)) {
        return ps_fail(PS_E_DENIED, 0, "the row of its version is not what its document says");
    }
    PS_TRY(check_public_key(params, row));
    return check_times(version, row);
}

static enum ps_err find_version(struct json_value effects, struct ps_bytes key, uint64_t number,
                                struct json_value *ret_row)
{
    PS_BUF_AUTO name = {.max = VERSION_NAME_MAX};

    ps_buf_printf(&name, "%.*s/%llu", PS_BYTES_FMT(key), (unsigned long long)number);
    PS_TRY(ps_buf_status(&name));
    return replay_find_effect(effects, "version", ps_buf_bytes(&name), ret_row)
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0, "it has no row of version %llu of %.*s",
                         (unsigned long long)number, PS_BYTES_FMT(key));
}

/* --- New keys --- */

static enum ps_err check_new_key(const struct replayed *op, struct ps_bytes name,
                                 struct ps_bytes object_id, uint64_t end_ns,
                                 struct json_value effects)
{
    const struct operation_document *document = waiting_document(op->waiting);
    struct new_version version = {
        .op = op, .key = name, .number = 1, .object_id = object_id, .end_ns = end_ns};
    struct ps_bytes state;
    struct json_value row;

    if (!replay_find_effect(effects, "key", name, &row)) {
        return ps_fail(PS_E_DENIED, 0, "it has no row of the key %.*s", PS_BYTES_FMT(name));
    }
    PS_TRY(replay_check_key_row(document->params, name, row));
    PS_TRY(find_version(effects, name, 1, &row));
    PS_TRY(replay_read_digits(document, "validity_s", &version.validity_s));
    PS_TRY(operation_document_text(document, "state", &state));
    if (!replay_text_is(row, "state", state)) {
        return ps_fail(PS_E_DENIED, 0, "its version is not in the state that was approved");
    }
    return check_new_version(&version, row);
}

enum ps_err replay_check_new_key(const struct replayed *op, struct ps_bytes name, uint64_t end_ns,
                                 struct json_value effects)
{
    struct ps_bytes object_id;

    PS_TRY(operation_document_text(waiting_document(op->waiting), "object_id", &object_id));
    return check_new_key(op, name, object_id, end_ns, effects);
}

/* Some keys of a list, as one leaf has them. Which of them others have, the rows tell. */
static enum ps_err check_some(const struct replayed *op, uint64_t end_ns, struct json_value effects)
{
    const struct operation_document *document = waiting_document(op->waiting);
    struct json_value list;
    struct json_value item;
    struct json_value row;
    struct ps_bytes object_id;
    struct ps_bytes name;
    uint32_t cursor = 0;
    size_t count = 0;

    if (!json_member(document->params, "keys", &list)) {
        return ps_fail(PS_E_INPUT, 0, "its document has no keys");
    }
    while (json_next(list, &cursor, NULL, &item)) {
        PS_TRY(replay_text_of(item, "name", &name));
        PS_TRY(replay_text_of(item, "object_id", &object_id));
        if (replay_find_effect(effects, "key", name, &row)) {
            PS_TRY(check_new_key(op, name, object_id, end_ns, effects));
            count++;
        }
    }
    return effects.doc == NULL || json_count(effects) == 2 * count
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0, "it made other rows than those of its keys");
}

/* --- The next version of a key --- */

static enum ps_err check_successor(const struct new_version *version, struct json_value row)
{
    const bool signs = replay_text_is(row, "state", ps_bytes_str("active"));

    if (!(signs && version->ahead_s == 0) &&
        !replay_text_is(row, "state", ps_bytes_str("pre-activation"))) {
        return ps_fail(PS_E_DENIED, 0, "it signs before it was published for as long as approved");
    }
    return check_new_version(version, row);
}

static enum ps_err check_rotation(const struct replayed *op, uint64_t end_ns,
                                  struct json_value effects)
{
    const struct operation_document *document = waiting_document(op->waiting);
    struct new_version version = {
        .op = op, .key = operation_document_subject(document), .end_ns = end_ns};
    struct ps_bytes type;
    struct json_value row;

    PS_TRY(replay_read_digits(document, "version", &version.number));
    PS_TRY(replay_read_digits(document, "publish_ahead_s", &version.ahead_s));
    PS_TRY(operation_document_text(document, "object_id", &version.object_id));
    PS_TRY(operation_document_text(document, "type", &type));
    if (!replay_find_effect(effects, "key", version.key, &row) ||
        !replay_number_is(row, "latest", (int64_t)version.number) ||
        !replay_text_is(row, "type", type)) {
        return ps_fail(PS_E_DENIED, 0, "its key does not have the version that was approved");
    }
    PS_TRY(replay_read_number(row, "validity_s", &version.validity_s));
    PS_TRY(find_version(effects, version.key, version.number, &row));
    return check_successor(&version, row);
}

/* --- States --- */

/* Of a version that is none of those that were named: the one that signed gives way. */
static bool may_retire(const struct operation_document *document, struct json_value row)
{
    return (strcmp(document->type->name, "key.activate") == 0 ||
            strcmp(document->type->name, "key.rotate") == 0) &&
           replay_text_is(row, "state", ps_bytes_str("deactivated"));
}

static struct ps_bytes state_after(const struct operation_document *document)
{
    struct ps_bytes state;

    return operation_document_text(document, "state", &state) == PS_OK ? state
                                                                       : ps_bytes_str("destroyed");
}

static enum ps_err check_state(const struct operation_document *document, uint64_t number,
                               const struct replay_effect *effect)
{
    const struct ps_bytes state = state_after(document);
    const bool is_named = number == 0 || replay_number_is(effect->row, "number", (int64_t)number);

    if (!replay_is_named(effect)) {
        return ps_fail(PS_E_DENIED, 0, "the row of %.*s is of another version",
                       PS_BYTES_FMT(effect->name));
    }
    if (ps_bytes_equal_str(effect->kind, "key")) {
        return number != 0 || replay_text_is(effect->row, "state", state)
                   ? PS_OK
                   : ps_fail(PS_E_DENIED, 0, "the key is not in the state that was approved");
    }
    if (strcmp(document->type->name, "key.rotate") == 0 && is_named) {
        return PS_OK; /* looked at as the new one that it is */
    }
    return (is_named && replay_text_is(effect->row, "state", state)) ||
                   (!is_named && may_retire(document, effect->row))
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0, "%.*s is not in the state that was approved",
                         PS_BYTES_FMT(effect->name));
}

static enum ps_err check_states(const struct replayed *op, struct json_value effects)
{
    const struct operation_document *document = waiting_document(op->waiting);
    const struct ps_bytes key = operation_document_subject(document);
    struct replay_effect effect;
    struct json_value value;
    uint32_t cursor = 0;
    uint64_t number;

    PS_TRY(replay_read_digits(document, "version", &number));
    while (effects.doc != NULL && json_next(effects, &cursor, NULL, &value)) {
        PS_TRY(replay_read_effect(value, &effect));
        PS_TRY(check_state(document, number, &effect));
    }
    if (!replay_find_effect(effects, "key", key, &value)) {
        return ps_fail(PS_E_DENIED, 0, "it has no row of its key");
    }
    return number == 0 ? PS_OK : find_version(effects, key, number, &value);
}

/* --- What the token has shown --- */

static enum ps_err check_proof(const struct replayed *op, bool is_unproven,
                               struct json_value effects)
{
    const struct operation_document *document = waiting_document(op->waiting);
    const struct ps_bytes key = operation_document_subject(document);
    struct json_value value;
    struct json_value row;
    uint64_t number;

    PS_TRY(replay_read_digits(document, "version", &number));
    if (effects.doc == NULL || json_count(effects) != 2 ||
        !replay_find_effect(effects, "key", key, &row)) {
        return ps_fail(PS_E_DENIED, 0, "it has other rows than those of its key and its version");
    }
    PS_TRY(find_version(effects, key, number, &row));
    return json_member(row, "unproven", &value) == is_unproven
               ? PS_OK
               : ps_fail(PS_E_DENIED, 0, "its version does not say what it does");
}

static const char *const of_states[] = {"key.activate", "key.compromise", "key.deactivate",
                                        "key.destroy",  "key.resume",     "key.suspend",
                                        "key.withdraw"};

enum ps_err replay_check_keys(const struct replayed *op, uint64_t end_ns, struct json_value effects)
{
    const struct ps_bytes type = ps_bytes_str(waiting_document(op->waiting)->type->name);

    if (replay_is_listed(type, of_states, PS_COUNT_OF(of_states))) {
        return check_states(op, effects);
    }
    if (ps_bytes_equal_str(type, "key.rotate")) {
        PS_TRY(check_rotation(op, end_ns, effects));
        return check_states(op, effects);
    }
    if (replay_is_of_proof(op)) {
        return check_proof(op, ps_bytes_equal_str(type, "key.unproven"), effects);
    }
    if (ps_bytes_equal_str(type, "key.create_batch")) {
        return check_some(op, end_ns, effects);
    }
    if (!ps_bytes_equal_str(type, "key.create")) {
        return PS_OK;
    }
    if (effects.doc == NULL || json_count(effects) != 2) {
        return ps_fail(PS_E_DENIED, 0, "it made other rows than those of its key");
    }
    return replay_check_new_key(op, operation_document_subject(waiting_document(op->waiting)),
                                end_ns, effects);
}
