#include "keystore/operations/internal.h"

#include "keystore/catalog/pin_record.h"
#include "keystore/custody/inventory.h"
#include "keystore/custody/wrapping_keys.h"
#include "keystore/keys/key_cache.h"
#include "keystore/operations/custody/handlers.h"
#include "lib/base/encode.h"

/*
 * Tokens come and go: one that is configured is taken in with the serial number, the module and the
 * profile that people approved, and gets a PIN from then on; and one that no key lives in any more
 * is let go, and gets none.
 */

/* What its processes say of it, also before anybody logged in; false when it is away. */
static bool find_view(const struct token *token, struct token_view *ret_view)
{
    for (size_t i = 0; tokens_view(token, i, ret_view); i++) {
        if (ret_view->serial.len != 0 && ret_view->module_hash.len == PS_SHA256_LEN) {
            return true;
        }
    }
    return false;
}

static bool takes_no_members(struct operation *op, struct json_value request)
{
    if (json_count(request) == 0) {
        return true;
    }
    operation_refuse(op, PS_PROBLEM_MALFORMED, "this has no parameters");
    return false;
}

/* Of what is asked for, or of what was approved: the name of a token in the configuration. */
static bool find_token(struct operation *op, struct ps_bytes name)
{
    op->token = tokens_find(op->keeper->tokens, name);
    if (op->token == NULL) {
        operation_refuse(op, PS_PROBLEM_NOT_FOUND, "the configuration names no such token");
        return false;
    }
    return true;
}

static bool find_approved(struct operation *op, struct ps_bytes *ret_name)
{
    const enum ps_err err = document_text(op->params, "token", ret_name);

    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    operation_lock(op, "token", *ret_name);
    operation_lock(op, "pin", *ret_name);
    return find_token(op, *ret_name);
}

/* --- Taken in --- */

static void put_accept(const struct token_view *view, struct ps_bytes token, struct ps_buf *out)
{
    struct writer json = writer(out);

    writer_begin_object(&json, NULL);
    writer_text(&json, "firmware", view->firmware);
    writer_text(&json, "label", view->label);
    writer_text(&json, "manufacturer", view->manufacturer);
    writer_text(&json, "model", view->model);
    writer_octets(&json, "module_hash", view->module_hash);
    writer_text(&json, "profile", view->profile);
    if (view->profile_hash.len != 0) {
        writer_octets(&json, "profile_hash", view->profile_hash);
    }
    writer_text(&json, "serial", view->serial);
    writer_text(&json, "token", token);
    writer_end_object(&json);
}

bool token_accept_resolve(struct operation *op, struct json_value request)
{
    struct token_view view = {.number = 0};

    if (!takes_no_members(op, request) || !find_token(op, ps_buf_bytes(&op->subject))) {
        return false;
    }
    if (!find_view(op->token, &view)) {
        operation_refuse(op, PS_PROBLEM_TOKEN_UNAVAILABLE,
                         "the token is away, or was never initialised");
        return false;
    }
    put_accept(&view, tokens_name(op->token), &op->resolved);
    return true;
}

struct same_serial {
    struct ps_bytes serial;
    bool is_found;
};

static enum ps_err on_token(void *context, const struct catalog_row *row)
{
    struct same_serial *wanted = context;
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct token_record record;
    struct json_value body;

    PS_TRY(json_new(&parser));
    PS_TRY(json_parse(parser, row->body, &JSON_LIMITS_REQUEST, &body));
    PS_TRY(token_record_read(body, &record));
    wanted->is_found |= ps_bytes_equal(record.serial, wanted->serial);
    return PS_OK;
}

/* Two names for one token would be two places for a key that is in one. */
static bool is_another(struct operation *op, struct ps_bytes serial)
{
    struct same_serial wanted = {.serial = serial};
    const enum ps_err err = catalog_list(op->keeper->known, CATALOG_TOKEN, ps_bytes(NULL, 0),
                                         UINT32_MAX, on_token, &wanted);

    if (err != PS_OK) {
        operation_refuse_error(op, err);
    } else if (wanted.is_found) {
        operation_refuse(op, PS_PROBLEM_CONFLICT,
                         "a token with this serial number is one of ours already");
    }
    return err == PS_OK && !wanted.is_found;
}

bool token_accept_check(struct operation *op)
{
    PS_BUF_AUTO present = {.max = DOCUMENT_MAX};
    struct token_view view = {.number = 0};
    struct ps_bytes name;

    if (!find_approved(op, &name)) {
        return false;
    }
    if (!find_view(op->token, &view)) {
        operation_refuse(op, PS_PROBLEM_TOKEN_UNAVAILABLE, "the token is away");
        return false;
    }
    if (!is_another(op, view.serial)) {
        return false;
    }
    put_accept(&view, name, &present);
    if (!ps_bytes_equal(json_raw(op->params), ps_buf_bytes(&present))) {
        operation_refuse(op, PS_PROBLEM_CONFLICT,
                         "the token has changed since: make a new operation");
        return false;
    }
    return true;
}

enum ps_err token_accept_rows(struct operation *op)
{
    struct token_record record;
    PS_BUF_AUTO module = {.max = PS_SHA256_LEN};
    PS_BUF_AUTO profile = {.max = PS_SHA256_LEN};

    PS_TRY(document_text(op->params, "token", &record.name));
    PS_TRY(document_text(op->params, "serial", &record.serial));
    PS_TRY(document_text(op->params, "label", &record.label));
    PS_TRY(document_text(op->params, "manufacturer", &record.manufacturer));
    PS_TRY(document_text(op->params, "model", &record.model));
    PS_TRY(document_text(op->params, "firmware", &record.firmware));
    PS_TRY(document_text(op->params, "profile", &record.profile));
    PS_TRY(document_octets(op->params, "module_hash", &module));
    PS_TRY(document_octets(op->params, "profile_hash", &profile));
    record.module_hash = ps_buf_bytes(&module);
    record.profile_hash = ps_buf_bytes(&profile);
    token_record_put(&record, operation_change(op, CATALOG_TOKEN, record.name, 0));
    return PS_OK;
}

/* --- Let go --- */

/* A copy that goes too would leave fewer than the log says there are. */
static bool is_in(const struct key *key, struct ps_bytes token)
{
    bool found = ps_bytes_equal_str(token, key->token);

    for (size_t i = 0; i < key->version_count && !found; i++) {
        found = key->versions[i]->state != KEY_DESTROYED && version_is_on(key->versions[i], token);
    }
    return found;
}

/* The first key that is lost with it; NULL: none. */
static const struct key *find_resident(const struct operation *op, struct ps_bytes token)
{
    const struct key *found = NULL;
    const struct key *key;
    size_t cursor = 0;

    while ((key = keys_next(op->keeper->keys, &cursor)) != NULL) {
        if (key->state != KEY_DESTROYED && is_in(key, token) &&
            (found == NULL || strcmp(key->name, found->name) < 0)) {
            found = key;
        }
    }
    return found;
}

static bool is_free_of_keys(struct operation *op, struct ps_bytes name)
{
    const struct key *resident = find_resident(op, name);
    const size_t away = key_cache_away_of(op->keeper->key_cache, name);

    if (resident == NULL && away != 0) {
        operation_refuse(op, PS_PROBLEM_REFUSED, "%zu wrapped keys live there: destroy them first",
                         away);
        return false;
    }
    if (resident != NULL) {
        operation_refuse(op, PS_PROBLEM_REFUSED, "the key %s lives there: move or destroy it first",
                         resident->name);
    }
    return resident == NULL;
}

/* needs_one: an inventory must have ended; else only what one has found meanwhile counts. */
static bool is_empty(struct operation *op, bool needs_one)
{
    uint32_t objects = 0;
    const bool had_one = inventory_count(op->keeper->inventory, op->token, &objects);

    if (needs_one && !had_one) {
        operation_refuse(op, PS_PROBLEM_TOKEN_UNAVAILABLE,
                         "its inventory has not ended yet: try again in a moment");
        return false;
    }
    if (objects != 0) {
        operation_refuse(op, PS_PROBLEM_REFUSED,
                         "it holds %u objects: destroy them, and run an inventory", objects);
        return false;
    }
    return true;
}

static void put_decommission(struct operation *op, struct ps_bytes serial)
{
    struct writer json = writer(&op->resolved);

    writer_begin_object(&json, NULL);
    writer_str(&json, "presence", tokens_is_ready(op->token) ? "empty" : "away");
    writer_text(&json, "serial", serial);
    writer_text(&json, "token", tokens_name(op->token));
    writer_end_object(&json);
}

static bool read_token(struct operation *op, struct ps_bytes name, struct row *row,
                       struct token_record *ret_record)
{
    enum ps_err err = row_read(op->keeper, CATALOG_TOKEN, name, row);

    if (err == PS_OK) {
        err = token_record_read(row->body, ret_record);
    }
    if (err == PS_E_NOT_FOUND) {
        operation_refuse(op, PS_PROBLEM_NOT_FOUND, "the token is none of ours");
    } else if (err != PS_OK) {
        operation_refuse_error(op, err);
    }
    return err == PS_OK;
}

bool token_decommission_resolve(struct operation *op, struct json_value request)
{
    const struct ps_bytes name = ps_buf_bytes(&op->subject);
    ROW_AUTO row = {.parser = NULL};
    struct token_record record;

    if (!takes_no_members(op, request) || !find_token(op, name) ||
        !read_token(op, name, &row, &record) || !is_free_of_keys(op, name) ||
        (tokens_is_ready(op->token) && !is_empty(op, true))) {
        return false;
    }
    put_decommission(op, record.serial);
    return true;
}

/* What people approved for a token that is there is not done to one that is away, nor the reverse.
 */
static bool is_as_approved(struct operation *op, const struct token_record *record)
{
    const bool is_there = tokens_is_ready(op->token);
    struct ps_bytes presence;
    struct ps_bytes serial;

    if (document_text(op->params, "presence", &presence) != PS_OK ||
        document_text(op->params, "serial", &serial) != PS_OK ||
        !ps_bytes_equal(serial, record->serial) ||
        (is_there && ps_bytes_equal_str(presence, "away"))) {
        operation_refuse(op, PS_PROBLEM_CONFLICT,
                         "the token has changed since: make a new operation");
        return false;
    }
    if (!is_there && ps_bytes_equal_str(presence, "empty")) {
        operation_refuse(op, PS_PROBLEM_TOKEN_UNAVAILABLE,
                         "the token is away; if it stays so, make a new operation");
        return false;
    }
    return true;
}

bool token_decommission_check(struct operation *op)
{
    ROW_AUTO row = {.parser = NULL};
    struct token_record record;
    struct ps_bytes name;

    return find_approved(op, &name) && read_token(op, name, &row, &record) &&
           is_free_of_keys(op, name) && is_as_approved(op, &record) && is_empty(op, false);
}

static enum ps_err remove_splitting(struct operation *op, struct ps_bytes token, enum share_pin pin,
                                    bool is_next)
{
    ROW_AUTO row = {.parser = NULL};
    PS_BUF_AUTO name = {.max = CATALOG_NAME_MAX};
    enum ps_err err;

    pin_record_put_name(token, pin, is_next, &name);
    PS_TRY(ps_buf_status(&name));
    err = row_read(op->keeper, CATALOG_PIN, ps_buf_bytes(&name), &row);
    if (err == PS_OK) {
        operation_remove(op, CATALOG_PIN, ps_buf_bytes(&name), row.revision);
    }
    return err == PS_E_NOT_FOUND ? PS_OK : err;
}

/* Its PINs go with it: nobody is asked for shares of them, or warned of who holds some. */
static enum ps_err remove_splittings(struct operation *op, struct ps_bytes token)
{
    PS_TRY(remove_splitting(op, token, SHARE_PIN_USER, false));
    PS_TRY(remove_splitting(op, token, SHARE_PIN_USER, true));
    PS_TRY(remove_splitting(op, token, SHARE_PIN_SO, false));
    return remove_splitting(op, token, SHARE_PIN_SO, true);
}

enum ps_err token_decommission_rows(struct operation *op)
{
    ROW_AUTO row = {.parser = NULL};
    struct ps_bytes name;

    PS_TRY(document_text(op->params, "token", &name));
    PS_TRY(row_read(op->keeper, CATALOG_TOKEN, name, &row));
    operation_remove(op, CATALOG_TOKEN, name, row.revision);
    return remove_splittings(op, name);
}

enum ps_err token_life_describe(struct operation *op, struct writer *json)
{
    struct ps_bytes text;

    PS_TRY(document_text(op->params, "serial", &text));
    writer_text(json, "serial", text);
    PS_TRY(document_text(op->params, "token", &text));
    writer_text(json, "token", text);
    ps_buf_put_str(&op->location, "/v1/system");
    return PS_OK;
}
