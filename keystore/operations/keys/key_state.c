#include "keystore/operations/internal.h"

#include "keystore/operations/keys/handlers.h"
#include "keystore/operations/keys/key_params.h"
#include "keystore/operations/keys/key_rows.h"
#include "keystore/reads/reads.h"

/* Changes of state: of a key with all its versions, or of one version. */

struct state_request {
    uint32_t version; /* 0: the key */
};

static const struct json_field request_fields[] = {
    JSON_FIELD(struct state_request, version, JSON_KIND_U32, false, 0),
};

static const struct {
    const char *type;
    enum key_state target;
} targets[] = {
    {"key.activate", KEY_ACTIVE},        {"key.compromise", KEY_COMPROMISED},
    {"key.deactivate", KEY_DEACTIVATED}, {"key.resume", KEY_ACTIVE},
    {"key.suspend", KEY_SUSPENDED},      {"key.withdraw", KEY_WITHDRAWN},
};

static enum key_state target_of(const struct operation *op)
{
    for (size_t i = 0; i < PS_COUNT_OF(targets); i++) {
        if (strcmp(targets[i].type, op->type->name) == 0) {
            return targets[i].target;
        }
    }
    return KEY_STATE_COUNT;
}

static bool is_type(const struct operation *op, const char *name)
{
    return strcmp(op->type->name, name) == 0;
}

/* Activating begins something, resuming goes on: each from one state only. */
static bool may_become(const struct operation *op, enum key_state from, enum key_state to)
{
    if (to == KEY_ACTIVE &&
        from != (is_type(op, "key.resume") ? KEY_SUSPENDED : KEY_PRE_ACTIVATION)) {
        return false;
    }
    return key_state_may_become(from, to);
}

/* Activating an active key means its successor, when one waits; withdrawing always does. */
static uint32_t version_meant(const struct operation *op, const struct key *key, uint32_t asked)
{
    const struct key_version *successor = key_successor(key);

    if (asked == 0 && successor != NULL &&
        (is_type(op, "key.withdraw") ||
         (is_type(op, "key.activate") && key->state == KEY_ACTIVE))) {
        return successor->number;
    }
    return asked;
}

static void answer_unchanged(struct operation *op, struct key *key)
{
    struct writer json = writer(&op->body);

    writer_begin_object(&json, NULL);
    read_put_key(key, true, &json);
    writer_end_object(&json);
    operation_exists(op);
}

/* What it is now; false when there is no such version. */
static bool present_state(struct operation *op, const struct key *key, uint32_t number,
                          enum key_state *ret_state)
{
    const struct key_version *version = key_version(key, number);

    if (number == 0) {
        *ret_state = key->state;
        return true;
    }
    if (version == NULL) {
        operation_refuse(op, PS_PROBLEM_NOT_FOUND, "the key has no such version");
        return false;
    }
    *ret_state = version->state;
    return true;
}

static void put_params(struct operation *op, const struct key *key, uint32_t number)
{
    struct writer json = writer(&op->resolved);

    writer_begin_object(&json, NULL);
    key_params_put_class(key_class_of(key), &json);
    writer_str(&json, "key", key->name);
    writer_str(&json, "state", key_state_name(target_of(op)));
    writer_decimal(&json, "version", number);
    writer_end_object(&json);
}

bool key_state_resolve(struct operation *op, struct json_value body)
{
    struct state_request request = {.version = 0};
    const struct key *key = keys_find(op->keeper->keys, ps_buf_bytes(&op->subject));
    const enum ps_err err =
        json_read_object(body, request_fields, PS_COUNT_OF(request_fields), &request, NULL);

    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    if (key == NULL) {
        operation_refuse(op, PS_PROBLEM_NOT_FOUND, "there is no such key");
        return false;
    }
    put_params(op, key, version_meant(op, key, request.version));
    return true;
}

/* A version that is all there is of its key succeeds nothing: without it the key would be none. */
static bool is_a_successor(struct operation *op, const struct key *key, uint32_t number)
{
    if (!is_type(op, "key.withdraw") || number > 1) {
        return true;
    }
    operation_refuse_state(op, key_state_name(key->state),
                           number == 0 ? "no successor of this key waits"
                                       : "only a successor is withdrawn, not a first version");
    return false;
}

/* False, and refused: a version that it would activate has no certificate, and needs one. */
static bool has_certificates(struct operation *op, const struct key *key, uint32_t number)
{
    for (size_t i = 0; is_type(op, "key.activate") && i < key->version_count; i++) {
        const struct key_version *version = key->versions[i];

        if ((number == 0 || number == version->number) && version->state == KEY_PRE_ACTIVATION &&
            version_lacks_certificate(version, real_now_s())) {
            operation_refuse_state(op, key_state_name(version->state),
                                   "it has no certificate: install or issue one first");
            return false;
        }
    }
    return true;
}

bool key_state_check(struct operation *op)
{
    enum key_state present = KEY_STATE_COUNT;
    struct key *key;
    uint32_t number;
    const enum ps_err err = key_params_subject(op, &key, &number);

    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    read_put_key_etag(key, &op->etag);
    operation_lock(op, "key", ps_bytes_str(key->name));
    if (!is_a_successor(op, key, number) || !present_state(op, key, number, &present)) {
        return false;
    }
    if (present == target_of(op)) {
        answer_unchanged(op, key);
        return false;
    }
    if (!may_become(op, present, target_of(op))) {
        operation_refuse_state(op, key_state_name(present),
                               "not possible in the state that it is in");
        return false;
    }
    return has_certificates(op, key, number);
}

/*
 * A version follows its key into every state that it can take, the newest first. Of so many that
 * their rows do not fit into one leaf the oldest stay what they are: the state of the key counts
 * for all of them, and taking a key out of use must never fail because it is old.
 */
static enum ps_err put_versions(struct operation *op, const struct key *key, enum key_state target)
{
    size_t room = key_rows_room(key);

    if (target == KEY_SUSPENDED || is_type(op, "key.resume")) {
        return PS_OK;
    }
    for (size_t i = key->version_count; i > 0 && op->change_count < CHANGES_MAX; i--) {
        const struct key_version *version = key->versions[i - 1];
        const size_t len = key_rows_version_len(version);

        if (!may_become(op, version->state, target)) {
            continue;
        }
        if (len > room) {
            break;
        }
        PS_TRY(key_rows_put_version(op, key, version->number, target));
        room -= len;
    }
    return PS_OK;
}

/* The versions before an activated successor stop signing. */
static enum ps_err retire_predecessors(struct operation *op, const struct key *key, uint32_t number)
{
    for (size_t i = 0; i < key->version_count; i++) {
        const struct key_version *version = key->versions[i];

        if (version->number != number && version->state == KEY_ACTIVE) {
            PS_TRY(key_rows_put_version(op, key, version->number, KEY_DEACTIVATED));
        }
    }
    return PS_OK;
}

/* Also of what a log says: no state but one that it could have come to from the one before. */
static enum ps_err check_change(const struct operation *op, const struct key *key, uint32_t number)
{
    const struct key_version *version = key_version(key, number);

    if (number != 0 && version == NULL) {
        return ps_fail(PS_E_NOT_FOUND, 0, "the key has no such version");
    }
    return may_become(op, version == NULL ? key->state : version->state, target_of(op))
               ? PS_OK
               : ps_fail(PS_E_STATE, 0, "not possible in the state that it is in");
}

enum ps_err key_state_rows(struct operation *op)
{
    const enum key_state target = target_of(op);
    struct key *key;
    uint32_t number;

    PS_TRY(key_params_subject(op, &key, &number));
    PS_TRY(check_change(op, key, number));
    if (number == 0) {
        PS_TRY(key_rows_put(op, key, target, key->latest));
        return put_versions(op, key, target);
    }
    /* The key's own row changes too, so that its revision tells of it. */
    PS_TRY(key_rows_put(op, key, key->state, key->latest));
    PS_TRY(key_rows_put_version(op, key, number, target));
    return is_type(op, "key.activate") ? retire_predecessors(op, key, number) : PS_OK;
}
