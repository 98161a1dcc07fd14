#include "keystore/operations/internal.h"

#include "keystore/operations/appliance/handlers.h"

/*
 * A token's module or firmware was changed, by an update for example: what the token processes now
 * find is approved anew, so that they get the PIN again. It has to be the same token.
 */

static bool find_view(const struct operation *op, struct token_view *ret_view)
{
    for (size_t i = 0; tokens_view(op->token, i, ret_view); i++) {
        if (ret_view->serial.len != 0 && ret_view->module_hash.len == PS_SHA256_LEN) {
            return true;
        }
    }
    return false;
}

static void put_params(const struct token_view *view, struct ps_bytes token, struct ps_buf *out)
{
    struct writer json = writer(out);

    writer_begin_object(&json, NULL);
    writer_text(&json, "firmware", view->firmware);
    writer_octets(&json, "module_hash", view->module_hash);
    writer_text(&json, "profile", view->profile);
    if (view->profile_hash.len != 0) {
        writer_octets(&json, "profile_hash", view->profile_hash);
    }
    writer_text(&json, "serial", view->serial);
    writer_text(&json, "token", token);
    writer_end_object(&json);
}

static bool is_the_same(const struct token_record *record, const struct token_view *view)
{
    return ps_bytes_equal(record->module_hash, view->module_hash) &&
           ps_bytes_equal(record->firmware, view->firmware) &&
           ps_bytes_equal(record->profile, view->profile) &&
           ps_bytes_equal(record->profile_hash, view->profile_hash);
}

static void answer_unchanged(struct operation *op)
{
    struct writer json = writer(&op->body);

    writer_begin_object(&json, NULL);
    writer_text(&json, "token", tokens_name(op->token));
    writer_end_object(&json);
    operation_exists(op);
}

/* The token and what is found there now; false when it was refused. */
static bool find_token(struct operation *op, struct ps_bytes name, struct token_view *ret_view)
{
    op->token = tokens_find(op->keeper->tokens, name);
    if (op->token == NULL) {
        operation_refuse(op, PS_PROBLEM_NOT_FOUND, "there is no such token");
        return false;
    }
    if (!find_view(op, ret_view)) {
        operation_refuse(op, PS_PROBLEM_TOKEN_UNAVAILABLE, "the token is away");
        return false;
    }
    return true;
}

bool token_approve_resolve(struct operation *op, struct json_value request)
{
    struct token_view view = {.number = 0};

    if (json_count(request) != 0) {
        operation_refuse(op, PS_PROBLEM_MALFORMED, "this has no parameters");
        return false;
    }
    if (!find_token(op, ps_buf_bytes(&op->subject), &view)) {
        return false;
    }
    put_params(&view, tokens_name(op->token), &op->resolved);
    return true;
}

/* What people approved is what is found there still. */
static bool is_as_approved(struct operation *op, const struct token_view *view)
{
    PS_BUF_AUTO present;

    ps_buf_init(&present, DOCUMENT_MAX);
    put_params(view, tokens_name(op->token), &present);
    if (ps_bytes_equal(json_raw(op->params), ps_buf_bytes(&present))) {
        return true;
    }
    operation_refuse(op, PS_PROBLEM_CONFLICT, "the token has changed since: make a new operation");
    return false;
}

bool token_approve_check(struct operation *op)
{
    ROW_AUTO row = {.parser = NULL};
    struct token_record record;
    struct token_view view = {.number = 0};
    struct ps_bytes name;
    enum ps_err err = document_text(op->params, "token", &name);

    if (err == PS_OK) {
        err = row_read(op->keeper, CATALOG_TOKEN, name, &row);
    }
    if (err == PS_OK) {
        err = token_record_read(row.body, &record);
    }
    if (err != PS_OK) {
        operation_refuse(op, PS_PROBLEM_NOT_FOUND, "there is no such token");
        return false;
    }
    if (!find_token(op, name, &view)) {
        return false;
    }
    operation_lock(op, "token", name);
    if (!ps_bytes_equal(record.serial, view.serial)) {
        operation_refuse(op, PS_PROBLEM_REFUSED, "it is another token: its serial is %.*s",
                         PS_BYTES_FMT(view.serial));
        return false;
    }
    if (is_the_same(&record, &view)) {
        answer_unchanged(op);
        return false;
    }
    return is_as_approved(op, &view);
}

enum ps_err token_approve_rows(struct operation *op)
{
    ROW_AUTO row = {.parser = NULL};
    struct token_record record;
    struct ps_bytes name;
    PS_BUF_AUTO module = {.max = PS_SHA256_LEN};
    PS_BUF_AUTO profile = {.max = PS_SHA256_LEN};

    PS_TRY(document_text(op->params, "token", &name));
    PS_TRY(row_read(op->keeper, CATALOG_TOKEN, name, &row));
    PS_TRY(token_record_read(row.body, &record));
    PS_TRY(document_text(op->params, "firmware", &record.firmware));
    PS_TRY(document_text(op->params, "profile", &record.profile));
    PS_TRY(document_octets(op->params, "module_hash", &module));
    PS_TRY(document_octets(op->params, "profile_hash", &profile));
    record.module_hash = ps_buf_bytes(&module);
    record.profile_hash = ps_buf_bytes(&profile);
    token_record_put(&record, operation_change(op, CATALOG_TOKEN, name, row.revision));
    return PS_OK;
}

enum ps_err token_approve_describe(struct operation *op, struct writer *json)
{
    struct ps_bytes text;

    PS_TRY(document_text(op->params, "token", &text));
    writer_text(json, "token", text);
    PS_TRY(document_text(op->params, "module_hash", &text));
    writer_text(json, "module_hash", text);
    ps_buf_put_str(&op->location, "/v1/system");
    return PS_OK;
}
