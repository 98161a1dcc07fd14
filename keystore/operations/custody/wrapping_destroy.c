#include "keystore/operations/custody/handlers.h"

#include "keystore/backup/holders.h"
#include "keystore/custody/wrapping_needed.h"
#include "keystore/operations/custody/wrapping_rows.h"
#include "lib/base/encode.h"

/*
 * Destroys an old version of the keys that wrap and of the one of the MACs, in every token that
 * holds it: once nothing is under it that anybody will use. What is in a backup of before can be
 * opened no more.
 */

struct destroy_request {
    uint32_t version;
};

static const struct json_field request_fields[] = {
    JSON_FIELD(struct destroy_request, version, JSON_KIND_U32, true, 0),
};

/* --- What is asked for --- */

static void put_tokens(const struct keeper *keeper, const struct key_version *version,
                       struct writer *json)
{
    const struct token *token;

    writer_begin_array(json, "tokens");
    for (size_t i = 0; (token = tokens_at(keeper->tokens, i)) != NULL; i++) {
        if (version_is_on(version, tokens_name(token))) {
            writer_text(json, NULL, tokens_name(token));
        }
    }
    writer_end_array(json);
}

/* Those that can be opened with this version only: as they are now, or as people were told. */
static enum ps_err put_backups(const struct operation *op, const struct key_version *version,
                               struct writer *json)
{
    static const char *const names[] = {"backups", "backups_in_all"};
    struct json_value value;

    if (op->params.doc == NULL) {
        return holders_put_span(op->keeper, version->created_s,
                                version->expires_s == 0 ? UINT64_MAX : version->expires_s, json);
    }
    for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
        if (!json_member(op->params, names[i], &value)) {
            return ps_fail(PS_E_INPUT, 0, "no %s", names[i]);
        }
        writer_raw(json, names[i], json_raw(value));
    }
    return PS_OK;
}

static enum ps_err put_params(const struct operation *op, const struct wrapping_keys *keys,
                              size_t left, struct ps_buf *out)
{
    struct writer json = writer(out);

    writer_begin_object(&json, NULL);
    PS_TRY(put_backups(op, keys->wrapping, &json));
    writer_decimal(&json, "left", left);
    writer_begin_array(&json, "objects");
    writer_hex(&json, NULL, version_object_id(keys->wrapping));
    writer_hex(&json, NULL, version_object_id(keys->secrets));
    writer_hex(&json, NULL, version_object_id(keys->mac));
    writer_end_array(&json);
    put_tokens(op->keeper, keys->wrapping, &json);
    writer_decimal(&json, "version", keys->wrapping->number);
    writer_end_object(&json);
    return ps_buf_status(out);
}

static bool find_version(struct operation *op, uint32_t number, struct wrapping_keys *ret_keys)
{
    if (!wrapping_keys_at(op->keeper, number, ret_keys) ||
        ret_keys->wrapping->state == KEY_DESTROYED) {
        operation_refuse(op, PS_PROBLEM_NOT_FOUND, "the key that wraps has no version %u", number);
        return false;
    }
    if (ret_keys->wrapping->state != KEY_DEACTIVATED) {
        operation_refuse_state(op, key_state_name(ret_keys->wrapping->state),
                               "it is the version that keys are wrapped under now: make another "
                               "first (wrapping.create)");
        return false;
    }
    return true;
}

/* *ret_left: under it, and never used again. False: it was refused. */
static bool is_empty(struct operation *op, const struct wrapping_keys *keys, size_t *ret_left)
{
    const struct record_due nothing = {.object_id_len = 0};
    const uint32_t number = keys->wrapping->number;
    struct record_due due;
    size_t needed = 0;
    enum ps_err err = records_count_under(op->keeper, number, ret_left);

    if (err == PS_OK) {
        err = records_next_under(op->keeper, number, &nothing, &due);
    }
    if (err == PS_OK) {
        operation_refuse(op, PS_PROBLEM_REFUSED,
                         "%zu keys are under version %u of the key that wraps, some of them in "
                         "use: wrap them anew first (wrapping.rewrap)",
                         *ret_left, number);
        return false;
    }
    err = err == PS_E_NOT_FOUND ? wrapping_needed(op->keeper, number, &needed) : err;
    if (err == PS_OK && needed != 0) {
        operation_refuse(op, PS_PROBLEM_REFUSED,
                         "what is stored of %zu keys in use is gone, or cannot be read, and a "
                         "backup may have it under version %u: restore it, or destroy those keys",
                         needed, number);
        return false;
    }
    if (err != PS_OK) {
        operation_refuse_error(op, err);
    }
    return err == PS_OK;
}

static bool are_ready(struct operation *op, const struct wrapping_keys *keys)
{
    const struct token *token;

    for (size_t i = 0; (token = tokens_at(op->keeper->tokens, i)) != NULL; i++) {
        if (version_is_on(keys->wrapping, tokens_name(token)) && !tokens_is_ready(token)) {
            operation_refuse(op, PS_PROBLEM_TOKEN_UNAVAILABLE, "the token %.*s is away",
                             PS_BYTES_FMT(tokens_name(token)));
            return false;
        }
    }
    return true;
}

bool wrapping_destroy_resolve(struct operation *op, struct json_value body)
{
    struct destroy_request request = {.version = 0};
    struct wrapping_keys keys;
    size_t left = 0;
    enum ps_err err =
        json_read_object(body, request_fields, PS_COUNT_OF(request_fields), &request, NULL);

    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    if (!find_version(op, request.version, &keys) || !is_empty(op, &keys, &left)) {
        return false;
    }
    err = put_params(op, &keys, left, &op->resolved);
    if (err != PS_OK) {
        operation_refuse_error(op, err);
    }
    return err == PS_OK;
}

/* --- What people approved --- */

static enum ps_err read_number(const struct operation *op, uint32_t *ret_number)
{
    uint64_t number;

    PS_TRY(document_number(op->params, "version", &number));
    if (number == 0 || number > UINT32_MAX) {
        return ps_fail(PS_E_INPUT, 0, "no version of a key");
    }
    *ret_number = (uint32_t)number;
    return PS_OK;
}

void wrapping_destroy_lock(struct operation *op)
{
    wrapping_lock_keys(op);
}

/* A backup that has gone since changes nothing. */
static bool is_as_approved(struct operation *op, const struct wrapping_keys *keys, size_t left)
{
    PS_BUF_AUTO present = {.max = DOCUMENT_MAX};
    const enum ps_err err = put_params(op, keys, left, &present);

    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    if (ps_bytes_equal(json_raw(op->params), ps_buf_bytes(&present))) {
        return true;
    }
    operation_refuse(op, PS_PROBLEM_CONFLICT,
                     "keys or tokens are others since: make a new operation");
    return false;
}

bool wrapping_destroy_check(struct operation *op)
{
    struct wrapping_keys keys;
    uint32_t number;
    size_t left = 0;
    const enum ps_err err = read_number(op, &number);

    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    return find_version(op, number, &keys) && is_empty(op, &keys, &left) &&
           is_as_approved(op, &keys, left) && are_ready(op, &keys);
}

enum ps_err wrapping_destroy_rows(struct operation *op)
{
    uint32_t number;

    PS_TRY(read_number(op, &number));
    return wrapping_rows_destroy(op, number);
}

/* --- In the tokens --- */

/* Who holds it and is not configured any more, or was not when it was approved. */
static void put_not_destroyed(const struct operation *op, struct ps_bytes name, struct writer *json)
{
    if (tokens_find(op->keeper->tokens, name) == NULL) {
        ps_line(PS_WARNING, "wrapping_key_not_destroyed", PS_TEXT("token", name));
        writer_text(json, NULL, name);
    }
}

static enum ps_err put_result(struct operation *op)
{
    struct writer json = writer(&op->result);
    struct wrapping_keys keys;
    struct ps_bytes name;
    size_t cursor = 0;
    uint32_t number;

    PS_TRY(read_number(op, &number));
    if (!wrapping_keys_at(op->keeper, number, &keys)) {
        return ps_fail(PS_E_STATE, 0, "there is no such version of the key that wraps");
    }
    writer_begin_object(&json, NULL);
    writer_begin_array(&json, "not_destroyed_in");
    while (version_next_token(keys.wrapping, &cursor, &name)) {
        put_not_destroyed(op, name, &json);
    }
    writer_end_array(&json);
    writer_end_object(&json);
    return ps_buf_status(&op->result);
}

static void finish(struct operation *op)
{
    enum ps_err err = put_result(op);

    err = err == PS_OK ? wrapping_destroy_rows(op) : err;
    if (err != PS_OK) {
        operation_failed_error(op, err);
    } else {
        operation_done(op);
    }
}

/* The tick goes on when the token is there. */
static void tell(struct operation *op)
{
    if (!op->is_answered) {
        operation_answer_executing(&op->to, op);
        op->is_answered = true;
    }
}

static void on_destroyed(void *context, const struct token_answer *answer)
{
    struct operation *op = context;

    op->is_waiting = false;
    operation_note_calls(op, answer);
    if (answer->outcome == TOKEN_ANSWERED ||
        (answer->outcome == TOKEN_REFUSED && answer->problem->problem == PS_PROBLEM_NOT_FOUND)) {
        op->cleaned++;
        wrapping_destroy_execute(op);
    } else {
        tell(op);
    }
}

/* An element of a list of the parameters. PS_E_NOT_FOUND: it is shorter. */
static enum ps_err text_at(const struct operation *op, const char *member, size_t at,
                           struct ps_bytes *ret_text)
{
    struct json_value list;
    struct json_value value;
    uint32_t cursor = 0;

    if (!json_member(op->params, member, &list)) {
        return ps_fail(PS_E_INPUT, 0, "no %s", member);
    }
    for (size_t i = 0; json_next(list, &cursor, NULL, &value); i++) {
        if (i == at) {
            return json_string(value, ret_text);
        }
    }
    return PS_E_NOT_FOUND;
}

/*
 * Of one token after the other. One that is not configured any more cannot be asked, and may never
 * be again: its objects are not destroyed, and the result says so. Should it come back, an
 * inventory finds them.
 */
static enum ps_err find_next(struct operation *op)
{
    struct ps_bytes name;

    for (;;) {
        PS_TRY(text_at(op, "tokens", op->cleaned / WRAPPING_KEYS_COUNT, &name));
        op->token = tokens_find(op->keeper->tokens, name);
        if (op->token != NULL) {
            return PS_OK;
        }
        op->cleaned += WRAPPING_KEYS_COUNT - op->cleaned % WRAPPING_KEYS_COUNT;
    }
}

static enum ps_err destroy_next(struct operation *op)
{
    PS_BUF_AUTO id = {.max = OBJECT_ID_MAX};
    struct msg_token_destroy message = {0};
    struct ps_bytes hex;

    PS_TRY(find_next(op));
    PS_TRY(text_at(op, "objects", op->cleaned % WRAPPING_KEYS_COUNT, &hex));
    PS_TRY(ps_hex_decode(hex, &id));
    message.object_id = ps_buf_bytes(&id);
    op->is_waiting =
        tokens_call(op->token, &msg_token_destroy_info, &message, 0, on_destroyed, op) == PS_OK;
    return PS_OK;
}

/*
 * What was begun is finished, however often a token goes away meanwhile. Also what the tick and a
 * start call to go on.
 */
void wrapping_destroy_execute(struct operation *op)
{
    const enum ps_err err = destroy_next(op);

    op->goes_on = true;
    if (err == PS_E_NOT_FOUND) {
        finish(op);
    } else if (err != PS_OK) {
        operation_failed_error(op, err);
    } else if (!op->is_waiting) {
        tell(op);
    }
}

enum ps_err wrapping_destroy_describe(struct operation *op, struct writer *json)
{
    uint32_t number;

    PS_TRY(read_number(op, &number));
    if (op->result.len != 0) {
        writer_raw(json, "result", ps_buf_bytes(&op->result));
    }
    writer_number(json, "version", number);
    ps_buf_put_str(&op->location, "/v1/system");
    return ps_buf_status(&op->result);
}
