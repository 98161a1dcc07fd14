#include "keystore/operations/internal.h"

#include "keystore/custody/wrapping_keys.h"
#include "keystore/operations/keys/handlers.h"
#include "keystore/operations/keys/key_params.h"
#include "keystore/operations/keys/key_rows.h"
#include "keystore/operations/keys/new_key.h"
#include "keystore/reads/reads.h"
#include "lib/base/encode.h"

/*
 * A successor: a new key of the same kind under the next number. It is published at once and signs
 * later, so that relying parties have seen it; the predecessor goes on until then.
 */

static uint64_t publish_ahead(const struct operation *op, const struct key *key)
{
    const uint64_t max_age_s =
        key_has_format(key, PS_FORMAT_JWS) ? read_max_age_of(op->keeper, key) : 0;

    return key->rotation.publish_ahead_s > max_age_s ? key->rotation.publish_ahead_s : max_age_s;
}

/*
 * The key's token, or, of a key that lives outside, another that wraps, while that one is away or
 * gone. False when it was refused.
 */
static bool find_token(struct operation *op, const struct key *key)
{
    const struct ps_bytes own = ps_bytes_str(key->token);

    op->token = key->is_wrapped ? wrapping_keys_maker(op->keeper, own)
                                : tokens_find(op->keeper->tokens, own);
    if (op->token == NULL || !tokens_is_ready(op->token)) {
        operation_refuse(op, PS_PROBLEM_TOKEN_UNAVAILABLE, "the token is away");
        return false;
    }
    return true;
}

/* Where the next version may be, whoever approved what: not in any token that somebody names. */
static bool may_be_in(const struct keeper *keeper, const struct key *key, struct ps_bytes token)
{
    struct wrapping_keys keys;

    return ps_bytes_equal_str(token, key->token) ||
           (key->is_wrapped && wrapping_keys_now(keeper, &keys) &&
            version_is_on(keys.wrapping, token));
}

static bool may_rotate(struct operation *op, const struct key *key)
{
    const struct key_version *successor = key_successor(key);

    if (key->state != KEY_ACTIVE) {
        operation_refuse_state(op, key_state_name(key->state), "only active keys are rotated");
        return false;
    }
    if (successor != NULL) {
        operation_refuse_state(op, key_state_name(successor->state),
                               "a successor waits already: activate or withdraw it first");
        return false;
    }
    return true;
}

static void put_params(struct operation *op, const struct key *key, struct ps_buf *out)
{
    const struct object *object = operation_reserve(op);
    struct writer json = writer(out);
    struct token_view view = {.number = 0};

    (void)new_key_find_token(op, tokens_name(op->token), &view);
    writer_begin_object(&json, NULL);
    key_params_put_class(key_class_of(key), &json);
    writer_str(&json, "key", key->name);
    writer_hex(&json, "object_id", ps_bytes(object->id, OBJECT_ID_LEN));
    writer_text(&json, "profile", view.profile);
    writer_decimal(&json, "publish_ahead_s", publish_ahead(op, key));
    writer_text(&json, "serial", view.serial);
    writer_text(&json, "token", tokens_name(op->token));
    writer_str(&json, "type", ps_key_type_info(key->type)->name);
    writer_decimal(&json, "version", (uint64_t)key->latest + 1);
    writer_end_object(&json);
}

bool key_rotate_resolve(struct operation *op, struct json_value request)
{
    const struct key *key = keys_find(op->keeper->keys, ps_buf_bytes(&op->subject));

    if (json_count(request) != 0) {
        operation_refuse(op, PS_PROBLEM_MALFORMED, "a rotation has no parameters");
        return false;
    }
    if (key == NULL) {
        operation_refuse(op, PS_PROBLEM_NOT_FOUND, "there is no such key");
        return false;
    }
    if (!may_rotate(op, key) || !find_token(op, key)) {
        return false;
    }
    put_params(op, key, &op->resolved);
    return true;
}

struct rotate_params {
    struct key *key;
    uint64_t publish_ahead_s; /* from when it is made to when it signs */
    uint32_t version;
    struct ps_bytes token;
};

static enum ps_err read_params(struct operation *op, struct rotate_params *ret_params)
{
    struct ps_bytes text;
    uint64_t number;

    PS_TRY(document_text(op->params, "key", &text));
    ret_params->key = keys_find(op->keeper->keys, text);
    if (ret_params->key == NULL) {
        return ps_fail(PS_E_NOT_FOUND, 0, "there is no such key");
    }
    PS_TRY(document_number(op->params, "publish_ahead_s", &ret_params->publish_ahead_s));
    PS_TRY(document_number(op->params, "version", &number));
    ret_params->version = (uint32_t)number;
    PS_TRY(document_text(op->params, "token", &ret_params->token));
    return key_params_object(op, 0);
}

/* The successor that people approved is the next one still. */
static bool is_next(struct operation *op, const struct rotate_params *params)
{
    if (params->version == params->key->latest + 1) {
        return true;
    }
    operation_refuse(op, PS_PROBLEM_CONFLICT,
                     "the key has had another successor since: make a new operation");
    return false;
}

/* Of a key that several tokens are to open each version is. */
static bool keeps_recovery(struct operation *op, const struct key *key)
{
    if (strcmp(key->recovery, "replicated") != 0 ||
        wrapping_keys_are_replicated(op->keeper, key->type)) {
        return true;
    }
    operation_refuse(op, PS_PROBLEM_REFUSED,
                     "the key is replicated, and one token alone holds the newest version of the "
                     "key that wraps: wrapping.carry comes first");
    return false;
}

/* It is made where people approved, as long as what wraps it is there. */
static bool can_live(struct operation *op, const struct rotate_params *params)
{
    struct token_view view = {.number = 0};

    if (!may_be_in(op->keeper, params->key, params->token)) {
        operation_refuse(op, PS_PROBLEM_CONFLICT,
                         "the key does not live in that token: make a new operation");
        return false;
    }
    if (!new_key_has_its_token(op, params->token) || !keeps_recovery(op, params->key)) {
        return false;
    }
    if (!params->key->is_wrapped ||
        (new_key_find_token(op, params->token, &view) &&
         wrapping_keys_allow(op->keeper, &view, params->token, params->key->type))) {
        return true;
    }
    operation_refuse(op, PS_PROBLEM_REFUSED,
                     "no token is there that holds the newest version of the key that wraps, and "
                     "wraps keys of this type");
    return false;
}

bool key_rotate_check(struct operation *op)
{
    struct rotate_params params;
    const enum ps_err err = read_params(op, &params);

    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    read_put_key_etag(params.key, &op->etag);
    return may_rotate(op, params.key) && is_next(op, &params) && can_live(op, &params);
}

/* The versions that sign now give way when the new one signs at once. */
static enum ps_err retire_others(struct operation *op, const struct key *key)
{
    for (size_t i = 0; i < key->version_count; i++) {
        if (key->versions[i]->state == KEY_ACTIVE) {
            PS_TRY(key_rows_put_version(op, key, key->versions[i]->number, KEY_DEACTIVATED));
        }
    }
    return PS_OK;
}

/* Until relying parties have seen it; and for its certificate, however long that takes. */
static bool waits(const struct rotate_params *params)
{
    return params->publish_ahead_s != 0 || key_successors_need_certificates(params->key);
}

static enum ps_err put_rows(struct operation *op, const struct made *made)
{
    const uint64_t now_s = retrace_now_s(op);
    struct rotate_params params;
    struct version_record version;
    uint64_t activates_s;
    PS_BUF_AUTO name;

    ps_buf_init(&name, KEY_VERSION_NAME_MAX);
    PS_TRY(read_params(op, &params));
    activates_s = now_s + params.publish_ahead_s;
    version = (struct version_record){
        .key = ps_bytes_str(params.key->name),
        .number = params.version,
        .state = waits(&params) ? KEY_PRE_ACTIVATION : KEY_ACTIVE,
        .object_id = ps_bytes(op->objects[0].id, OBJECT_ID_LEN),
        .public_key = made->spki,
        .check = made->check,
        .kid = ps_bytes_str(made->kid),
        .token = params.token,
        .created_s = now_s,
        .activates_s = activates_s,
        .expires_s = params.key->validity_s == 0 ? 0 : activates_s + params.key->validity_s,
    };
    PS_TRY(key_rows_put(op, params.key, params.key->state, params.version));
    version_record_put_name(version.key, version.number, &name);
    version_record_put(&version, operation_change(op, CATALOG_VERSION, ps_buf_bytes(&name), 0));
    return version.state == KEY_ACTIVE ? retire_others(op, params.key) : PS_OK;
}

static void on_made(struct operation *op, const struct made *made)
{
    const enum ps_err err = put_rows(op, made);

    if (err != PS_OK) {
        operation_failed_error(op, err);
    } else {
        operation_done(op);
    }
}

enum ps_err key_rotate_rows(struct operation *op)
{
    struct rotate_params params;
    struct retraced_key made;

    PS_TRY(read_params(op, &params));
    if (params.key->state != KEY_ACTIVE || params.version != params.key->latest + 1) {
        return ps_fail(PS_E_STATE, 0, "this is no successor that the key can have");
    }
    if (!may_be_in(op->keeper, params.key, params.token)) {
        return ps_fail(PS_E_DENIED, 0, "the key has no versions in that token");
    }
    PS_TRY(retrace_take_made(op, params.key->type, &op->objects[0], &made));
    return put_rows(op, &made.made);
}

static bool prepare(struct operation *op, struct make_spec *ret_spec)
{
    struct rotate_params params;
    enum ps_err err = read_params(op, &params);

    if (err == PS_OK) {
        op->token = tokens_find(op->keeper->tokens, params.token);
        err = op->token == NULL ? ps_fail(PS_E_TOKEN, 0, "the token is not configured") : PS_OK;
    }
    if (err != PS_OK) {
        operation_failed_error(op, err);
        return false;
    }
    *ret_spec = (struct make_spec){.keeper = op->keeper,
                                   .token = op->token,
                                   .type = params.key->type,
                                   .usage = params.key->usage,
                                   .algorithms = params.key->algorithms,
                                   .algorithm_count = params.key->algorithm_count,
                                   .label = ps_bytes_str(params.key->name),
                                   .version = params.version,
                                   .is_wrapped = params.key->is_wrapped};
    return true;
}

void key_rotate_execute(struct operation *op)
{
    struct make_spec spec;

    if (prepare(op, &spec)) {
        make_key(op, &spec, &op->objects[0], on_made);
    }
}

void key_rotate_settle(struct operation *op)
{
    struct make_spec spec;

    if (prepare(op, &spec)) {
        make_settle(op, &spec, &op->objects[0], on_made);
    }
}

void key_rotate_let_finish(const struct operation *op)
{
    const bool is_rotation =
        strcmp(op->type->name, "key.activate") == 0 || strcmp(op->type->name, "key.rotate") == 0;
    struct ps_bytes name;
    struct key *key;

    if (!op->is_done || !is_rotation || document_text(op->params, "key", &name) != PS_OK) {
        return;
    }
    key = keys_find(op->keeper->keys, name);
    for (size_t i = 0; key != NULL && i < key->version_count; i++) {
        if (key->versions[i]->state == KEY_DEACTIVATED && key->versions[i]->was_active) {
            key->versions[i]->finish_ns =
                ps_clock_mono_ns() +
                2 * (uint64_t)op->keeper->config->request_timeout_ms * PS_NS_PER_MS;
        }
    }
}
