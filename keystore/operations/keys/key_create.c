#include "keystore/operations/keys/new_key.h"

#include "keystore/operations/keys/handlers.h"
#include "keystore/operations/keys/key_params.h"
#include "keystore/reads/reads.h"

/* Creating what exists with the same parameters is no change; with others it is a conflict. */
static bool is_the_same(struct operation *op, const struct key_record *wanted, bool *ret_same)
{
    ROW_AUTO row = {.parser = NULL};
    struct key_record present;

    if (row_read(op->keeper, CATALOG_KEY, wanted->name, &row) != PS_OK ||
        key_record_read(row.body, &present) != PS_OK) {
        return false;
    }
    present.state = wanted->state;
    present.latest = wanted->latest;
    *ret_same = key_record_is_same(&present, wanted);
    return true;
}

static void answer_existing(struct operation *op, const struct key_record *record)
{
    bool same = false;
    struct writer json = writer(&op->body);
    struct key *key = keys_find(op->keeper->keys, record->name);

    if (!is_the_same(op, record, &same)) {
        operation_refuse_error(op, PS_E_STORAGE);
    } else if (!same) {
        operation_refuse(op, PS_PROBLEM_CONFLICT, "a key of this name exists with others");
    } else {
        writer_begin_object(&json, NULL);
        read_put_key(key, true, &json);
        writer_end_object(&json);
        read_put_key_etag(key, &op->etag);
        operation_exists(op);
    }
}

bool new_key_is_new(struct operation *op, const struct key_record *record)
{
    if (keys_find(op->keeper->keys, record->name) == NULL) {
        return true;
    }
    answer_existing(op, record);
    return false;
}

bool key_create_resolve(struct operation *op, struct json_value body)
{
    return new_key_resolve(op, body, false);
}

bool key_create_check(struct operation *op)
{
    struct key_record record;
    enum ps_err err = key_params_read(op, &record);

    if (err == PS_OK) {
        err = key_params_object(op, 0);
    }
    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    return new_key_obeys_rules(op, &record) && new_key_is_new(op, &record) &&
           new_key_has_its_token(op, record.token) && new_key_can_live(op, &record) &&
           new_key_fits_sets(op, &record);
}

static enum ps_err put_rows(struct operation *op, const struct made *made)
{
    struct key_record record;

    PS_TRY(key_params_read(op, &record));
    new_key_put_rows(op, &record, &op->objects[0], made);
    return PS_OK;
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

enum ps_err key_create_rows(struct operation *op)
{
    struct key_record record;
    struct retraced_key made;

    PS_TRY(key_params_read(op, &record));
    PS_TRY(key_params_object(op, 0));
    PS_TRY(retrace_take_made(op, record.type, &op->objects[0], &made));
    return put_rows(op, &made.made);
}

bool new_key_prepare(struct operation *op, struct key_record *record, struct make_spec *ret_spec)
{
    enum ps_err err = key_params_read(op, record);

    if (err == PS_OK) {
        err = new_key_check_rules(record);
    }
    if (err == PS_OK) {
        err = key_params_object(op, 0);
    }
    if (err == PS_OK) {
        op->token = tokens_find(op->keeper->tokens, record->token);
        err = op->token == NULL ? ps_fail(PS_E_TOKEN, 0, "the token is not configured") : PS_OK;
    }
    if (err != PS_OK) {
        operation_failed_error(op, err);
        return false;
    }
    *ret_spec = new_key_spec(op, record);
    return true;
}

void key_create_execute(struct operation *op)
{
    struct key_record record;
    struct make_spec spec;

    if (new_key_prepare(op, &record, &spec)) {
        make_key(op, &spec, &op->objects[0], on_made);
    }
}

void key_create_settle(struct operation *op)
{
    struct key_record record;
    struct make_spec spec;

    if (new_key_prepare(op, &record, &spec)) {
        make_settle(op, &spec, &op->objects[0], on_made);
    }
}

/* Also of every other operation on a key: its resolved parameters name it. */
enum ps_err key_describe(struct operation *op, struct writer *json)
{
    struct ps_bytes name;
    struct key *key;

    if (document_text(op->params, "name", &name) != PS_OK) {
        PS_TRY(document_text(op->params, "key", &name));
    }
    key = keys_find(op->keeper->keys, name);
    if (key == NULL) {
        return ps_fail(PS_E_INTERNAL, 0, "the key that was changed is not there");
    }
    read_put_key(key, true, json);
    read_put_key_etag(key, &op->etag);
    ps_buf_printf(&op->location, "/v1/keys/%s", key->name);
    return ps_buf_status(json->out);
}
