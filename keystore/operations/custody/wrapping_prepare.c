#include "keystore/operations/custody/handlers.h"

#include "keystore/custody/wrapping_keys.h"
#include "keystore/operations/custody/transport.h"
#include "keystore/operations/keys/key_params.h"
#include "keystore/operations/keys/key_rows.h"
#include "keystore/operations/keys/new_key.h"
#include "lib/base/encode.h"

/*
 * Makes the pair under which the keys that wrap are carried to a token, in that token. It is for
 * once: wrapping.carry destroys it, and so does the next one of these.
 */

struct prepare_params {
    struct ps_bytes token;
    uint32_t version;
};

static uint32_t next_version(const struct keeper *keeper)
{
    const struct key *key = keys_find(keeper->keys, ps_bytes_str(TRANSPORT_KEY_NAME));

    return key == NULL ? 1 : key->latest + 1;
}

bool wrapping_prepare_resolve(struct operation *op, struct json_value request)
{
    struct writer json = writer(&op->resolved);
    struct token_view view = {.number = 0};

    if (json_count(request) != 0) {
        operation_refuse(op, PS_PROBLEM_MALFORMED, "this has no parameters");
        return false;
    }
    if (!new_key_find_token(op, ps_buf_bytes(&op->subject), &view)) {
        return false;
    }
    writer_begin_object(&json, NULL);
    writer_hex(&json, "object_id", ps_bytes(operation_reserve(op)->id, OBJECT_ID_LEN));
    writer_text(&json, "profile", view.profile);
    writer_text(&json, "serial", view.serial);
    writer_text(&json, "token", tokens_name(op->token));
    writer_decimal(&json, "version", next_version(op->keeper));
    writer_end_object(&json);
    return true;
}

static enum ps_err read_params(struct operation *op, struct prepare_params *ret_params)
{
    uint64_t version;

    PS_TRY(document_text(op->params, "token", &ret_params->token));
    PS_TRY(document_number(op->params, "version", &version));
    if (version == 0 || version > UINT32_MAX) {
        return ps_fail(PS_E_INPUT, 0, "no version of a key");
    }
    ret_params->version = (uint32_t)version;
    return key_params_object(op, 0);
}

/* Where the pair of before is; NULL: its token has left the configuration. */
static struct token *token_of(const struct operation *op, const struct key_version *before)
{
    return tokens_find(op->keeper->tokens, ps_bytes_str(before->key->token));
}

/* Where a pair is left from before, it goes first. One whose token is configured no more stays. */
static bool is_predecessor_there(struct operation *op)
{
    const struct key_version *before = transport_version(op->keeper);
    const struct token *token = before == NULL ? NULL : token_of(op, before);

    if (token == NULL || tokens_is_ready(token)) {
        return true;
    }
    operation_refuse(op, PS_PROBLEM_TOKEN_UNAVAILABLE,
                     "a pair that was prepared before is in %s, which is away", before->key->token);
    return false;
}

void wrapping_prepare_lock(struct operation *op)
{
    operation_lock(op, "key", ps_bytes_str(TRANSPORT_KEY_NAME));
}

bool wrapping_prepare_check(struct operation *op)
{
    struct wrapping_keys keys;
    struct prepare_params params;
    const enum ps_err err = read_params(op, &params);

    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    if (!wrapping_keys_now(op->keeper, &keys)) {
        operation_refuse(op, PS_PROBLEM_REFUSED,
                         "there is no wrapping key to be carried: make one (wrapping.create)");
        return false;
    }
    if (version_is_on(keys.wrapping, params.token)) {
        operation_refuse(op, PS_PROBLEM_REFUSED, "the token holds the wrapping key already");
        return false;
    }
    if (params.version != next_version(op->keeper)) {
        operation_refuse(op, PS_PROBLEM_CONFLICT,
                         "another pair was prepared since: make a new operation");
        return false;
    }
    return is_predecessor_there(op) && new_key_has_its_token(op, params.token);
}

static void put_key(struct operation *op, const struct prepare_params *params, uint64_t revision)
{
    const struct key_record record = {
        .name = ps_bytes_str(TRANSPORT_KEY_NAME),
        .type = PS_KEY_RSA_4096,
        .usage = PS_USAGE_WRAP,
        .class = KEY_CLASS_A,
        .residence = ps_bytes_str("token"),
        .recovery = ps_bytes_str("none"),
        .token = params->token,
        .state = KEY_ACTIVE,
        .verify = KEY_VERIFY_ALWAYS,
        .latest = params->version,
    };

    key_record_put(&record, operation_change(op, CATALOG_KEY, record.name, revision));
}

static enum ps_err put_rows(struct operation *op, const struct made *made)
{
    const uint64_t now_s = retrace_now_s(op);
    const struct key_version *before = transport_version(op->keeper);
    struct prepare_params params;
    struct version_record version;
    const struct key *key = keys_find(op->keeper->keys, ps_bytes_str(TRANSPORT_KEY_NAME));
    PS_BUF_AUTO name = {.max = KEY_VERSION_NAME_MAX};

    PS_TRY(read_params(op, &params));
    if (params.version != next_version(op->keeper)) {
        return ps_fail(PS_E_STATE, 0, "this is no version that the key can have");
    }
    version = (struct version_record){
        .key = ps_bytes_str(TRANSPORT_KEY_NAME),
        .number = params.version,
        .state = KEY_ACTIVE,
        .object_id = ps_bytes(op->objects[0].id, OBJECT_ID_LEN),
        .public_key = made->spki,
        .kid = ps_bytes_str(made->kid),
        .token = params.token,
        .created_s = now_s,
        .activates_s = now_s,
    };
    put_key(op, &params, key == NULL ? 0 : key->revision);
    if (before != NULL) {
        PS_TRY(key_rows_put_version(op, key, before->number, KEY_DESTROYED));
    }
    version_record_put_name(version.key, version.number, &name);
    version_record_put(&version, operation_change(op, CATALOG_VERSION, ps_buf_bytes(&name), 0));
    return PS_OK;
}

enum ps_err wrapping_prepare_rows(struct operation *op)
{
    struct retraced_key made;

    PS_TRY(key_params_object(op, 0));
    PS_TRY(retrace_take_made(op, PS_KEY_RSA_4096, &op->objects[0], &made));
    return put_rows(op, &made.made);
}

/* A pair that nobody could destroy: by the rows it is, and an inventory finds it there. */
static enum ps_err put_result(struct operation *op)
{
    const struct key_version *before = transport_version(op->keeper);
    struct writer json = writer(&op->result);

    if (before == NULL || token_of(op, before) != NULL) {
        return PS_OK;
    }
    writer_begin_object(&json, NULL);
    writer_begin_array(&json, "not_destroyed_in");
    writer_str(&json, NULL, before->key->token);
    writer_end_array(&json);
    writer_end_object(&json);
    return ps_buf_status(&op->result);
}

static void on_made(struct operation *op, const struct made *made)
{
    enum ps_err err = put_result(op);

    err = err == PS_OK ? put_rows(op, made) : err;
    if (err != PS_OK) {
        operation_failed_error(op, err);
    } else {
        operation_done(op);
    }
}

static bool find_token(struct operation *op)
{
    struct prepare_params params;
    enum ps_err err = read_params(op, &params);

    if (err == PS_OK) {
        op->token = tokens_find(op->keeper->tokens, params.token);
        err = op->token == NULL ? ps_fail(PS_E_TOKEN, 0, "the token is not configured") : PS_OK;
    }
    if (err != PS_OK) {
        operation_failed_error(op, err);
        return false;
    }
    return true;
}

static void make(struct operation *op)
{
    const struct make_spec spec = transport_spec(op);

    make_key(op, &spec, &op->objects[0], on_made);
}

static void on_predecessor_gone(void *context, const struct token_answer *answer)
{
    struct operation *op = context;

    op->is_waiting = false;
    operation_note_calls(op, answer);
    if (answer->outcome == TOKEN_ANSWERED ||
        (answer->outcome == TOKEN_REFUSED && answer->problem->problem == PS_PROBLEM_NOT_FOUND)) {
        make(op);
    } else {
        operation_failed(op, PS_PROBLEM_TOKEN_UNAVAILABLE,
                         "the pair that was prepared before could not be destroyed");
    }
}

void wrapping_prepare_execute(struct operation *op)
{
    const struct key_version *before = transport_version(op->keeper);
    struct token *token = before == NULL ? NULL : token_of(op, before);

    if (!find_token(op)) {
        return;
    }
    if (token == NULL) {
        make(op);
        return;
    }
    op->is_waiting =
        tokens_call(token, &msg_token_destroy_info,
                    &(struct msg_token_destroy){.object_id = version_object_id(before)}, 0,
                    on_predecessor_gone, op) == PS_OK;
    if (!op->is_waiting) {
        operation_failed(op, PS_PROBLEM_TOKEN_UNAVAILABLE, "the token is away");
    }
}

void wrapping_prepare_settle(struct operation *op)
{
    if (find_token(op)) {
        const struct make_spec spec = transport_spec(op);

        make_settle(op, &spec, &op->objects[0], on_made);
    }
}

enum ps_err wrapping_prepare_describe(struct operation *op, struct writer *json)
{
    const struct key_version *version = transport_version(op->keeper);
    char fingerprint[2 * PS_SHA256_LEN + 1];

    if (version == NULL) {
        return ps_fail(PS_E_INTERNAL, 0, "the pair that was made is not there");
    }
    transport_fingerprint(version, fingerprint);
    writer_str(json, "fingerprint", fingerprint);
    if (op->result.len != 0) {
        writer_raw(json, "result", ps_buf_bytes(&op->result));
    }
    writer_str(json, "token", version->key->token);
    writer_number(json, "version", version->number);
    ps_buf_put_str(&op->location, "/v1/system");
    return ps_buf_status(&op->result);
}
