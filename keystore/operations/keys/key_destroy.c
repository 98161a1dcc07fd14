#include "keystore/operations/internal.h"

#include "keystore/backup/holders.h"
#include "keystore/custody/records.h"
#include "keystore/operations/keys/handlers.h"
#include "keystore/operations/keys/key_params.h"
#include "keystore/operations/keys/key_rows.h"
#include "keystore/reads/reads.h"
#include "lib/base/encode.h"

/*
 * Destroying a key, or one version of it: the objects in the token first, then the rows. What was
 * begun is finished, however often the token goes away meanwhile: a half of a pair is of no use.
 */

struct destroy_request {
    uint32_t version; /* 0: all */
};

static const struct json_field request_fields[] = {
    JSON_FIELD(struct destroy_request, version, JSON_KIND_U32, false, 0),
};

static bool is_meant(const struct key_version *version, uint64_t number)
{
    return (number == 0 || version->number == number) && version->state != KEY_DESTROYED;
}

/* The backups that hold it: as they are now, or as people were told. */
static enum ps_err put_backups(const struct operation *op, const struct key *key, uint32_t number,
                               struct writer *json)
{
    static const char *const names[] = {"backups", "backups_in_all"};
    struct json_value value;

    if (op->params.doc == NULL) {
        return holders_put(op->keeper, key, number, json);
    }
    for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
        if (json_member(op->params, names[i], &value)) {
            writer_raw(json, names[i], json_raw(value));
        }
    }
    return PS_OK;
}

static enum ps_err put_params(const struct operation *op, const struct key *key, uint32_t number,
                              struct ps_buf *out)
{
    struct writer json = writer(out);

    writer_begin_object(&json, NULL);
    PS_TRY(put_backups(op, key, number, &json));
    key_params_put_class(key_class_of(key), &json);
    writer_str(&json, "key", key->name);
    writer_begin_array(&json, "objects");
    for (size_t i = 0; i < key->version_count; i++) {
        if (is_meant(key->versions[i], number)) {
            writer_hex(&json, NULL, version_object_id(key->versions[i]));
        }
    }
    writer_end_array(&json);
    writer_str(&json, "recovery", key->recovery);
    writer_str(&json, "token", key->token);
    writer_decimal(&json, "version", number);
    writer_end_object(&json);
    return ps_buf_status(out);
}

/* Said before anything is destroyed: the rows of all that goes have to fit into one leaf. */
static bool fits_a_leaf(const struct key *key, uint32_t number)
{
    size_t room = key_rows_room(key);
    size_t count = 1; /* the key's own row */

    for (size_t i = 0; i < key->version_count; i++) {
        const size_t len = key_rows_version_len(key->versions[i]);

        if (!is_meant(key->versions[i], number)) {
            continue;
        }
        if (len > room || ++count > CHANGES_MAX) {
            return false;
        }
        room -= len;
    }
    return true;
}

static bool may_destroy(struct operation *op, const struct key *key, uint32_t number)
{
    const struct key_version *version = key_version(key, number);
    const enum key_state state = version == NULL ? key->state : version->state;

    if (number != 0 && version == NULL) {
        operation_refuse(op, PS_PROBLEM_NOT_FOUND, "the key has no such version");
        return false;
    }
    if (!key_state_may_become(state, KEY_DESTROYED)) {
        operation_refuse_state(op, key_state_name(state), "deactivate it first");
        return false;
    }
    if (!fits_a_leaf(key, number)) {
        operation_refuse(op, PS_PROBLEM_REFUSED,
                         "the key has too many versions to go at once: destroy old ones first, "
                         "each by its `version`");
        return false;
    }
    op->token = tokens_find(op->keeper->tokens, ps_bytes_str(key->token));
    /* What lives outside the tokens is a row, wherever it was made. */
    if (!key->is_wrapped && (op->token == NULL || !tokens_is_ready(op->token))) {
        operation_refuse(op, PS_PROBLEM_TOKEN_UNAVAILABLE, "the token is away");
        return false;
    }
    return true;
}

static void answer_destroyed(struct operation *op, struct key *key)
{
    struct writer json = writer(&op->body);

    writer_begin_object(&json, NULL);
    read_put_key(key, true, &json);
    writer_end_object(&json);
    operation_exists(op);
}

bool key_destroy_resolve(struct operation *op, struct json_value body)
{
    struct destroy_request request = {.version = 0};
    const struct key *key = keys_find(op->keeper->keys, ps_buf_bytes(&op->subject));
    enum ps_err err =
        json_read_object(body, request_fields, PS_COUNT_OF(request_fields), &request, NULL);

    if (err == PS_OK && key == NULL) {
        operation_refuse(op, PS_PROBLEM_NOT_FOUND, "there is no such key");
        return false;
    }
    if (err == PS_OK) {
        err = put_params(op, key, request.version, &op->resolved);
    }
    if (err != PS_OK) {
        operation_refuse_error(op, err);
    }
    return err == PS_OK;
}

/* What people approved to destroy is what is there: not a version that was made since. */
static bool names_all(struct operation *op, const struct key *key, uint32_t number)
{
    PS_BUF_AUTO present;

    ps_buf_init(&present, DOCUMENT_MAX);
    if (put_params(op, key, number, &present) == PS_OK &&
        ps_bytes_equal(json_raw(op->params), ps_buf_bytes(&present))) {
        return true;
    }
    operation_refuse(op, PS_PROBLEM_CONFLICT, "the key has changed since: make a new operation");
    return false;
}

bool key_destroy_check(struct operation *op)
{
    struct key *key;
    uint32_t number;
    const enum ps_err err = key_params_subject(op, &key, &number);

    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    read_put_key_etag(key, &op->etag);
    if (number == 0 && key->state == KEY_DESTROYED) {
        answer_destroyed(op, key);
        return false;
    }
    return may_destroy(op, key, number) && names_all(op, key, number);
}

enum ps_err key_destroy_rows(struct operation *op)
{
    struct key *key;
    uint32_t number;

    PS_TRY(key_params_subject(op, &key, &number));
    PS_TRY(key_rows_put(op, key, number == 0 ? KEY_DESTROYED : key->state, key->latest));
    for (size_t i = 0; i < key->version_count; i++) {
        if (is_meant(key->versions[i], number)) {
            PS_TRY(key_rows_put_version(op, key, key->versions[i]->number, KEY_DESTROYED));
        }
    }
    return PS_OK;
}

static enum ps_err object_at(const struct operation *op, size_t at, struct ps_buf *out)
{
    struct json_value objects;
    struct json_value value;
    struct ps_bytes text;
    uint32_t cursor = 0;

    if (!json_member(op->params, "objects", &objects)) {
        return ps_fail(PS_E_INPUT, 0, "no objects");
    }
    for (size_t i = 0; json_next(objects, &cursor, NULL, &value); i++) {
        if (i == at) {
            PS_TRY(json_string(value, &text));
            return ps_hex_decode(text, out);
        }
    }
    return PS_E_NOT_FOUND;
}

static void on_destroyed(void *context, const struct token_answer *answer)
{
    struct operation *op = context;

    op->is_waiting = false;
    operation_note_calls(op, answer);
    if (answer->outcome == TOKEN_ANSWERED ||
        (answer->outcome == TOKEN_REFUSED && answer->problem->problem == PS_PROBLEM_NOT_FOUND)) {
        op->cleaned++;
        op->type->execute(op);
    }
    /* Else the tick goes on when the token is there. */
}

static void tell_it_takes_longer(struct operation *op)
{
    if (!op->is_answered) {
        answer_problem(&op->to, &(struct problem_answer){
                                    .problem = PS_PROBLEM_TOKEN_UNAVAILABLE,
                                    .detail = "the token went away; the destruction goes on when "
                                              "it is back"});
        op->is_answered = true;
    }
}

static void finish(struct operation *op)
{
    const enum ps_err err = key_destroy_rows(op);

    if (err != PS_OK) {
        operation_failed_error(op, err);
    } else {
        operation_done(op);
    }
}

/* A process of any token may have it open: each opens what another has wrapped. */
static void close_everywhere(const struct operation *op, struct ps_bytes id)
{
    const struct msg_token_destroy message = {.object_id = id};
    struct token *token;

    for (size_t i = 0; (token = tokens_at(op->keeper->tokens, i)) != NULL; i++) {
        tokens_tell_all(token, &msg_token_destroy_info, &message);
    }
}

/*
 * What lives outside the token is its row, and what processes have open of it just now. A row that
 * cannot be removed yet is tried again.
 */
static void destroy_wrapped(struct operation *op)
{
    enum ps_err err = PS_OK;

    op->is_waiting = true; /* a process that is ended meanwhile calls the tick */
    while (err == PS_OK) {
        PS_BUF_AUTO id = {.max = OBJECT_ID_MAX};

        err = object_at(op, op->cleaned, &id);
        if (err == PS_OK) {
            close_everywhere(op, ps_buf_bytes(&id));
            err = record_remove(op->keeper, ps_buf_bytes(&id));
            op->cleaned += err == PS_OK ? 1 : 0;
        } else if (err == PS_E_NOT_FOUND) {
            finish(op);
            return;
        }
    }
    op->is_waiting = false;
    ps_line(PS_WARNING, "record_not_removed", PS_STR("operation", op->id),
            PS_STR("detail", ps_detail()->text));
}

static bool is_of_wrapped(const struct operation *op)
{
    struct key *key;
    uint32_t number;

    return key_params_subject(op, &key, &number) == PS_OK && key->is_wrapped;
}

/* Also what the tick calls to go on. */
void key_destroy_execute(struct operation *op)
{
    struct msg_token_destroy message = {0};
    enum ps_err err;
    PS_BUF_AUTO id;

    ps_buf_init(&id, OBJECT_ID_MAX);
    op->goes_on = true;
    if (is_of_wrapped(op)) {
        destroy_wrapped(op);
        return;
    }
    err = object_at(op, op->cleaned, &id);
    if (err == PS_E_NOT_FOUND) {
        finish(op);
        return;
    }
    if (err != PS_OK) {
        operation_failed_error(op, err);
        return;
    }
    message.object_id = ps_buf_bytes(&id);
    op->is_waiting =
        tokens_call(op->token, &msg_token_destroy_info, &message, 0, on_destroyed, op) == PS_OK;
    if (!op->is_waiting) {
        tell_it_takes_longer(op);
    }
}

/*
 * The intent was durable and people had approved it: whatever is left of the objects goes now, and
 * it was done.
 */
void key_destroy_settle(struct operation *op)
{
    struct ps_bytes name;

    if (document_text(op->params, "token", &name) == PS_OK) {
        op->token = tokens_find(op->keeper->tokens, name);
    }
    if (op->token == NULL && !is_of_wrapped(op)) {
        settle_without_token(op, "what was not destroyed of the key is in it still; should it come "
                                 "back, ask for this again");
        return;
    }
    key_destroy_execute(op);
}

enum ps_err key_destroy_describe(struct operation *op, struct writer *json)
{
    struct key *key;
    uint32_t number;

    PS_TRY(key_describe(op, json));
    PS_TRY(key_params_subject(op, &key, &number));
    return holders_put_destroyed(op->keeper, key, json);
}
