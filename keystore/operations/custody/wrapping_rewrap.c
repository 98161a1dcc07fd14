#include "keystore/operations/custody/wrapping_rewrap.h"

#include "keystore/custody/records.h"
#include "keystore/operations/custody/handlers.h"
#include "keystore/operations/custody/transport.h"
#include "keystore/operations/keys/new_key.h"

/*
 * What people approve when every key is wrapped anew that lives outside the tokens under an older
 * version of the wrapping key: which version it is, and what is made in the token for it.
 */

/* --- What is asked for --- */

static void put_params(struct operation *op, const struct wrapping_keys *from,
                       const struct wrapping_keys *to, const struct token_view *view)
{
    struct writer json = writer(&op->resolved);

    writer_begin_object(&json, NULL);
    writer_decimal(&json, "from", from->wrapping->number);
    writer_begin_array(&json, "objects");
    for (size_t i = 0; i < REWRAP_OBJECTS; i++) {
        writer_hex(&json, NULL, ps_bytes(operation_reserve(op)->id, OBJECT_ID_LEN));
    }
    writer_end_array(&json);
    writer_text(&json, "profile", view->profile);
    writer_text(&json, "serial", view->serial);
    writer_text(&json, "token", tokens_name(op->token));
    writer_decimal(&json, "version", to->wrapping->number);
    writer_end_object(&json);
}

/* Where the old one is the new one has to be, or keys are lost with a token that were not before.
 */
static bool is_everywhere(struct operation *op, const struct wrapping_keys *from,
                          const struct wrapping_keys *to)
{
    const struct token *token;

    for (size_t i = 0; (token = tokens_at(op->keeper->tokens, i)) != NULL; i++) {
        const struct ps_bytes name = tokens_name(token);

        if (version_is_on(from->wrapping, name) && !version_is_on(to->wrapping, name)) {
            operation_refuse(op, PS_PROBLEM_REFUSED,
                             "the token %.*s holds version %u of the key that wraps, and not "
                             "version %u: carry it there first (wrapping.prepare, "
                             "wrapping.carry), or take that token out of the configuration",
                             PS_BYTES_FMT(name), from->wrapping->number, to->wrapping->number);
            return false;
        }
    }
    return true;
}

static bool has_work(struct operation *op, uint32_t number, bool *ret_has)
{
    const struct record_due nothing = {.object_id_len = 0};
    struct record_due due;
    const enum ps_err err = records_next_under(op->keeper, number, &nothing, &due);

    if (err != PS_OK && err != PS_E_NOT_FOUND) {
        operation_refuse_error(op, err);
        return false;
    }
    *ret_has = err == PS_OK;
    return true;
}

/*
 * Whether that version has its turn before the other: who was wrapped anew longest ago, or never,
 * comes first. So what is left under one version for good keeps none from its turn.
 */
static bool is_before(const struct key_version *version, const struct key_version *other)
{
    return version->expires_s != other->expires_s ? version->expires_s < other->expires_s
                                                  : version->number < other->number;
}

/*
 * Where both are, for a copy of the old one: in the key's own token, or else in another. NULL: in
 * none that is configured.
 */
static struct token *place_of(const struct keeper *keeper, const struct key_version *from,
                              const struct key_version *to)
{
    struct token *found = NULL;
    struct token *token;

    for (size_t i = 0; (token = tokens_at(keeper->tokens, i)) != NULL; i++) {
        const struct ps_bytes name = tokens_name(token);

        if (!version_is_on(from, name) || !version_is_on(to, name)) {
            continue;
        }
        if (ps_bytes_equal_str(name, to->key->token)) {
            return token;
        }
        found = found == NULL ? token : found;
    }
    return found;
}

/* The version, of those that keys are under which will be used again. False: it was refused. */
static bool find_version(struct operation *op, const struct wrapping_keys *to,
                         struct wrapping_keys *ret_from)
{
    const struct key *wrapping = to->wrapping->key;
    const struct key_version *found = NULL;

    for (size_t i = 0; i < wrapping->version_count; i++) {
        const struct key_version *version = wrapping->versions[i];
        bool has = false;

        if (version->number >= to->wrapping->number || version->state == KEY_DESTROYED ||
            (found != NULL && is_before(found, version)) ||
            place_of(op->keeper, version, to->wrapping) == NULL) {
            continue;
        }
        if (!has_work(op, version->number, &has)) {
            return false;
        }
        found = has ? version : found;
    }
    if (found != NULL && wrapping_keys_at(op->keeper, found->number, ret_from)) {
        return true;
    }
    operation_refuse(op, PS_PROBLEM_REFUSED,
                     "every key that is in use is under version %u of the key that wraps already, "
                     "or under one that no token holds which has that",
                     to->wrapping->number);
    return false;
}

static bool find_keys(struct operation *op, struct wrapping_keys *ret_from,
                      struct wrapping_keys *ret_to)
{
    if (!wrapping_keys_now(op->keeper, ret_to)) {
        operation_refuse(op, PS_PROBLEM_REFUSED,
                         "there is no wrapping key (wrapping.create makes one)");
        return false;
    }
    return find_version(op, ret_to, ret_from) && is_everywhere(op, ret_from, ret_to);
}

bool wrapping_rewrap_resolve(struct operation *op, struct json_value request)
{
    struct token_view view = {.number = 0};
    struct wrapping_keys from;
    struct wrapping_keys to;

    if (json_count(request) != 0) {
        operation_refuse(op, PS_PROBLEM_MALFORMED, "this has no parameters");
        return false;
    }
    if (!find_keys(op, &from, &to) ||
        !new_key_find_token(op, tokens_name(place_of(op->keeper, from.wrapping, to.wrapping)),
                            &view)) {
        return false;
    }
    put_params(op, &from, &to, &view);
    return true;
}

/* --- What people approved --- */

enum ps_err rewrap_read_params(struct operation *op, struct rewrap_params *ret_params)
{
    PS_TRY(document_text(op->params, "token", &ret_params->token));
    PS_TRY(document_number(op->params, "from", &ret_params->from));
    PS_TRY(document_number(op->params, "version", &ret_params->version));
    return wrapping_params_objects(op, REWRAP_OBJECTS);
}

void wrapping_rewrap_lock(struct operation *op)
{
    wrapping_lock_keys(op);
}

bool wrapping_rewrap_check(struct operation *op)
{
    struct wrapping_keys from;
    struct wrapping_keys to;
    struct rewrap_params params;
    const enum ps_err err = rewrap_read_params(op, &params);

    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    if (!find_keys(op, &from, &to)) {
        return false;
    }
    if (from.wrapping->number != params.from || to.wrapping->number != params.version ||
        tokens_find(op->keeper->tokens, params.token) !=
            place_of(op->keeper, from.wrapping, to.wrapping)) {
        operation_refuse(op, PS_PROBLEM_CONFLICT,
                         "the key that wraps is another since: make a new operation");
        return false;
    }
    return new_key_has_its_token(op, params.token) && transport_has_pins(op, params.token);
}

/* --- Rows --- */

enum ps_err wrapping_rewrap_rows(struct operation *op)
{
    struct rewrap_params params;

    PS_TRY(rewrap_read_params(op, &params));
    return wrapping_rows_set_empty(op, (uint32_t)params.from);
}

enum ps_err wrapping_rewrap_describe(struct operation *op, struct writer *json)
{
    struct rewrap_params params;

    PS_TRY(rewrap_read_params(op, &params));
    writer_number(json, "from", params.from);
    if (op->result.len != 0) {
        writer_raw(json, "result", ps_buf_bytes(&op->result));
    }
    writer_text(json, "token", params.token);
    writer_number(json, "version", params.version);
    ps_buf_put_str(&op->location, "/v1/system");
    return ps_buf_status(&op->result);
}
