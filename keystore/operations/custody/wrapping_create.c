#include "keystore/operations/custody/handlers.h"

#include "keystore/operations/custody/wrapping_rows.h"
#include "keystore/operations/internal.h"
#include "keystore/operations/keys/key_rows.h"

#include "keystore/operations/keys/new_key.h"
#include "lib/base/encode.h"

/*
 * Makes the keys by which others live outside the tokens, or their next versions: one that wraps
 * private keys, one that wraps secret keys, and one for the MACs. All have the same number, and the
 * version before is used for what it wrapped only.
 */

enum { WRAPPING, SECRETS, RECORD_MAC, KEYS };

_Static_assert(KEYS == WRAPPING_KEYS_COUNT, "each of them is made");

static const struct kind {
    const char *name;
    enum ps_key_type type;
    enum ps_usage usage;
    bool for_secrets;
} kinds[KEYS] = {
    [WRAPPING] = {WRAPPING_KEY_NAME, PS_KEY_AES_256, PS_USAGE_WRAP, false},
    [SECRETS] = {WRAPPING_SECRETS_KEY_NAME, PS_KEY_AES_256, PS_USAGE_WRAP, true},
    [RECORD_MAC] = {RECORD_MAC_KEY_NAME, PS_KEY_HMAC_SHA256, PS_USAGE_MAC, false},
};

struct create_request {
    struct ps_bytes token;
};

static const struct json_field request_fields[] = {
    JSON_FIELD(struct create_request, token, JSON_KIND_NAME, false, PS_NAME_MAX),
};

static uint32_t next_version(const struct keeper *keeper)
{
    const struct key *key = keys_find(keeper->keys, ps_bytes_str(WRAPPING_KEY_NAME));

    return key == NULL ? 1 : key->latest + 1;
}

static void put_params(struct operation *op, struct ps_bytes token, const struct token_view *view)
{
    struct writer json = writer(&op->resolved);

    writer_begin_object(&json, NULL);
    writer_begin_array(&json, "objects");
    for (size_t i = 0; i < KEYS; i++) {
        writer_hex(&json, NULL, ps_bytes(operation_reserve(op)->id, OBJECT_ID_LEN));
    }
    writer_end_array(&json);
    writer_text(&json, "profile", view->profile);
    writer_text(&json, "serial", view->serial);
    writer_text(&json, "token", token);
    writer_decimal(&json, "version", next_version(op->keeper));
    writer_end_object(&json);
}

bool wrapping_create_resolve(struct operation *op, struct json_value body)
{
    struct create_request request = {.token = {NULL, 0}};
    struct token_view view = {.number = 0};
    const enum ps_err err =
        json_read_object(body, request_fields, PS_COUNT_OF(request_fields), &request, NULL);

    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    if (request.token.len == 0) {
        request.token = ps_bytes_str(op->keeper->appliance.token);
    }
    if (!new_key_find_token(op, request.token, &view)) {
        return false;
    }
    put_params(op, request.token, &view);
    return true;
}

/* --- What people approved --- */

struct create_params {
    struct ps_bytes token;
    uint32_t version;
};

static enum ps_err read_params(struct operation *op, struct create_params *ret_params)
{
    uint64_t version;

    PS_TRY(document_text(op->params, "token", &ret_params->token));
    PS_TRY(document_number(op->params, "version", &version));
    if (version == 0 || version > UINT32_MAX) {
        return ps_fail(PS_E_INPUT, 0, "no version of a key");
    }
    ret_params->version = (uint32_t)version;
    return wrapping_params_objects(op, KEYS);
}

/*
 * Its token has left the configuration: the next version is made in one that holds the newest of
 * those that there are, and becomes its token; or in any if none holds one.
 */
static bool takes_its_place(struct operation *op, struct ps_bytes token)
{
    const struct keeper *keeper = op->keeper;
    const uint32_t newest = wrapping_keys_newest_on(keeper, token);
    const struct token *other;

    for (size_t i = 0; (other = tokens_at(keeper->tokens, i)) != NULL; i++) {
        const uint32_t version = wrapping_keys_newest_on(keeper, tokens_name(other));

        if (version > newest) {
            operation_refuse(op, PS_PROBLEM_CONFLICT,
                             "`token`: %.*s holds version %u of the wrapping key, and no other "
                             "token a newer one",
                             PS_BYTES_FMT(tokens_name(other)), version);
            return false;
        }
    }
    return true;
}

/* What wrapped a key has to be where all of its kind are opened. */
static bool is_where_the_others_are(struct operation *op, struct ps_bytes token)
{
    const struct key *key = keys_find(op->keeper->keys, ps_bytes_str(WRAPPING_KEY_NAME));

    if (key == NULL || ps_bytes_equal_str(token, key->token)) {
        return true;
    }
    if (tokens_find(op->keeper->tokens, ps_bytes_str(key->token)) == NULL) {
        return takes_its_place(op, token);
    }
    operation_refuse(op, PS_PROBLEM_CONFLICT, "`token`: the wrapping key is in %s", key->token);
    return false;
}

static bool wraps_anything(struct operation *op, struct ps_bytes token)
{
    struct token_view view = {.number = 0};

    if (!new_key_find_token(op, token, &view)) {
        return false;
    }
    if (view.wrappable == 0) {
        operation_refuse(op, PS_PROBLEM_REFUSED,
                         "`token`: by its profile the token wraps no keys of any type");
        return false;
    }
    return true;
}

void wrapping_create_lock(struct operation *op)
{
    wrapping_lock_keys(op);
}

bool wrapping_create_check(struct operation *op)
{
    struct create_params params;
    const enum ps_err err = read_params(op, &params);

    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    if (params.version != next_version(op->keeper)) {
        operation_refuse(op, PS_PROBLEM_CONFLICT,
                         "there is another wrapping key since: make a new operation");
        return false;
    }
    return is_where_the_others_are(op, params.token) && new_key_has_its_token(op, params.token) &&
           wraps_anything(op, params.token);
}

/* --- Rows --- */

static void put_key(struct operation *op, const struct kind *kind,
                    const struct create_params *params)
{
    const struct key_record record = {
        .name = ps_bytes_str(kind->name),
        .type = kind->type,
        .usage = kind->usage,
        .class = KEY_CLASS_A,
        .residence = ps_bytes_str("token"),
        .recovery = ps_bytes_str("replicated"),
        .token = params->token,
        .state = KEY_ACTIVE,
        .verify = KEY_VERIFY_ALWAYS,
        .latest = params->version,
    };

    key_record_put(&record, operation_change(op, CATALOG_KEY, record.name, 0));
}

static void put_version(struct operation *op, size_t which, const struct create_params *params,
                        struct ps_bytes check)
{
    const uint64_t now_s = retrace_now_s(op);
    const struct version_record version = {
        .key = ps_bytes_str(kinds[which].name),
        .number = params->version,
        .state = KEY_ACTIVE,
        .object_id = ps_bytes(op->objects[which].id, OBJECT_ID_LEN),
        .token = params->token,
        .check = check,
        .created_s = now_s,
        .activates_s = now_s,
    };
    PS_BUF_AUTO name = {.max = KEY_VERSION_NAME_MAX};

    version_record_put_name(version.key, version.number, &name);
    version_record_put(&version, operation_change(op, CATALOG_VERSION, ps_buf_bytes(&name), 0));
}

static enum ps_err retire(struct operation *op, const struct key *key)
{
    for (size_t i = 0; i < key->version_count; i++) {
        if (key->versions[i]->state == KEY_ACTIVE) {
            PS_TRY(key_rows_put_version(op, key, key->versions[i]->number, KEY_DEACTIVATED));
        }
    }
    return PS_OK;
}

/* check: of the key for MACs; one that only wraps cannot show any. */
static enum ps_err put_rows(struct operation *op, struct ps_bytes check)
{
    struct create_params params;

    PS_TRY(read_params(op, &params));
    if (params.version != next_version(op->keeper)) {
        return ps_fail(PS_E_STATE, 0, "this is no version that the wrapping key can have");
    }
    for (size_t i = 0; i < KEYS; i++) {
        const struct key *key = keys_find(op->keeper->keys, ps_bytes_str(kinds[i].name));

        if (key == NULL) {
            put_key(op, &kinds[i], &params);
        } else {
            PS_TRY(key_rows_put_in(op, key, KEY_ACTIVE, params.version, params.token));
            PS_TRY(retire(op, key));
        }
        put_version(op, i, &params, i == RECORD_MAC ? check : ps_bytes(NULL, 0));
    }
    return PS_OK;
}

enum ps_err wrapping_create_rows(struct operation *op)
{
    struct create_params params;
    struct retraced_key made;

    PS_TRY(read_params(op, &params));
    PS_TRY(retrace_take_made(op, kinds[RECORD_MAC].type, &op->objects[RECORD_MAC], &made));
    return put_rows(op, made.made.check);
}

/* --- In the token --- */

static void make_next(struct operation *op, bool settles);

static void finish(struct operation *op, const struct made *made)
{
    const enum ps_err err = put_rows(op, made->check);

    if (err != PS_OK) {
        operation_failed_error(op, err);
    } else {
        operation_done(op);
    }
}

static void take_made(struct operation *op, const struct made *made, bool settles)
{
    op->made++;
    if (op->made == KEYS) {
        finish(op, made);
    } else {
        make_next(op, settles);
    }
}

static void on_made(struct operation *op, const struct made *made)
{
    take_made(op, made, false);
}

static void on_settled(struct operation *op, const struct made *made)
{
    take_made(op, made, true);
}

static void make_next(struct operation *op, bool settles)
{
    const struct kind *kind = &kinds[op->made];
    const struct make_spec spec = {.keeper = op->keeper,
                                   .token = op->token,
                                   .type = kind->type,
                                   .usage = kind->usage,
                                   .label = ps_bytes_str(kind->name),
                                   .is_carried = true,
                                   .for_secrets = kind->for_secrets};

    if (settles) {
        make_settle(op, &spec, &op->objects[op->made], on_settled);
    } else {
        make_key(op, &spec, &op->objects[op->made], on_made);
    }
}

static bool prepare(struct operation *op)
{
    struct create_params params;
    enum ps_err err = read_params(op, &params);

    if (err == PS_OK) {
        op->token = tokens_find(op->keeper->tokens, params.token);
        err = op->token == NULL ? ps_fail(PS_E_TOKEN, 0, "the token is not configured") : PS_OK;
    }
    if (err != PS_OK) {
        operation_failed_error(op, err);
        return false;
    }
    op->made = 0;
    op->to_make = KEYS;
    return true;
}

void wrapping_create_execute(struct operation *op)
{
    if (prepare(op)) {
        make_next(op, false);
    }
}

void wrapping_create_settle(struct operation *op)
{
    if (prepare(op)) {
        make_next(op, true);
    }
}

enum ps_err wrapping_create_describe(struct operation *op, struct writer *json)
{
    struct create_params params;

    PS_TRY(read_params(op, &params));
    writer_text(json, "token", params.token);
    writer_number(json, "version", params.version);
    ps_buf_printf(&op->location, "/v1/keys/%s", WRAPPING_KEY_NAME);
    return PS_OK;
}
