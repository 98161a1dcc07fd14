#include "keystore/operations/keys/new_key.h"

#include "keystore/custody/wrapping_keys.h"
#include "keystore/operations/keys/key_params.h"
#include "keystore/policy/rules.h"
#include "keystore/reads/reads.h"
#include "keystore/reads/set_keys.h"
#include "lib/ceremony/operation/keys.h"

bool new_key_find_token(struct operation *op, struct ps_bytes name, struct token_view *ret_view)
{
    op->token = tokens_find(op->keeper->tokens, name);
    if (op->token == NULL) {
        operation_refuse(op, PS_PROBLEM_REFUSED, "`token`: there is no such token");
        return false;
    }
    for (size_t i = 0; tokens_view(op->token, i, ret_view); i++) {
        if (ret_view->state == TOKEN_READY) {
            return true;
        }
    }
    return true;
}

bool new_key_obeys_rules(struct operation *op, const struct key_record *record)
{
    struct wrapping_keys keys;
    const struct key_rule_context context = {
        .has_wrapping_key = wrapping_keys_now(op->keeper, &keys),
        .has_replicas = wrapping_keys_are_replicated(op->keeper, record->type),
        .jwks_max_age_s = read_longest_max_age(op->keeper),
    };
    const struct rule *rule = rules_check_key(record, &context);

    if (rule != NULL) {
        operation_refuse(op, PS_PROBLEM_REFUSED, "%s", rule->detail);
        return false;
    }
    return true;
}

/* A set that would grow too large could not be fetched any more. */
static enum ps_err check_set(struct operation *op, const struct key_record *record,
                             const struct key_set *set)
{
    struct operation_keys keys =
        operation_keys(operation_type_info_find(ps_bytes_str(op->type->name)), op->params);
    struct ps_bytes name;
    size_t listed = 0;

    while (operation_keys_next(&keys, &name)) {
        listed += set_would_list(set, record, name) ? 1 : 0;
    }
    return listed == 0 ? PS_OK : set_keys_check_room(op->keeper, set, listed, record->type);
}

enum ps_err new_key_check_sets(struct operation *op, const struct key_record *record)
{
    const struct sets *sets = op->keeper->sets;
    const struct key_set *set;

    for (size_t i = 0; (set = sets_at(sets, i)) != NULL; i++) {
        PS_TRY(check_set(op, record, set));
    }
    return sets_find(sets, ps_bytes_str(DEFAULT_SET)) != NULL ? PS_OK : check_set(op, record, NULL);
}

bool new_key_fits_sets(struct operation *op, const struct key_record *record)
{
    const enum ps_err err = new_key_check_sets(op, record);

    if (err == PS_E_LIMIT) {
        operation_refuse(op, PS_PROBLEM_REFUSED, "%s", ps_detail()->text);
    } else if (err != PS_OK) {
        operation_refuse_error(op, err);
    }
    return err == PS_OK;
}

enum ps_err new_key_check_rules(const struct key_record *record)
{
    const struct key_rule_context context = {.has_wrapping_key = true, .has_replicas = true};
    const struct rule *rule = rules_check_key(record, &context);

    return rule == NULL ? PS_OK : ps_fail(PS_E_DENIED, 0, "%s", rule->detail);
}

static void refuse_request(struct operation *op, enum ps_err err)
{
    operation_refuse(op, err == PS_E_STATE ? PS_PROBLEM_REFUSED : PS_PROBLEM_MALFORMED, "%s",
                     ps_detail()->text);
}

static enum ps_err read_request(struct operation *op, struct json_value body, bool is_batch,
                                struct key_record *record, struct json_value *keys)
{
    PS_TRY(new_key_read(body, record, keys));
    if (is_batch != (keys->doc != NULL)) {
        return ps_fail(PS_E_INPUT, 0, is_batch ? "`keys` is missing" : "`name` is missing");
    }
    if (record->token.len == 0) {
        record->token = ps_bytes_str(op->keeper->appliance.token);
    }
    PS_TRY(new_key_check_form(record));
    if (op->subject.len != 0 && !ps_bytes_equal(ps_buf_bytes(&op->subject), record->name)) {
        return ps_fail(PS_E_INPUT, 0, "`subject` and `name` are two names");
    }
    return PS_OK;
}

bool new_key_resolve(struct operation *op, struct json_value body, bool is_batch)
{
    struct key_record record;
    struct token_view view = {.number = 0};
    struct json_value keys;
    const enum ps_err err = read_request(op, body, is_batch, &record, &keys);

    if (err != PS_OK) {
        refuse_request(op, err);
        return false;
    }
    if (!new_key_find_token(op, record.token, &view)) {
        return false;
    }
    for (size_t i = 0; i < (is_batch ? json_count(keys) : 1); i++) {
        (void)operation_reserve(op);
    }
    key_params_put(&record, &(struct new_ids){.names = keys, .objects = op->objects}, &view,
                   &op->resolved);
    return true;
}

static bool is_that_token(struct operation *op, const struct token_view *view)
{
    struct ps_bytes serial;
    struct ps_bytes profile;

    if (view->state != TOKEN_READY) {
        operation_refuse(op, PS_PROBLEM_TOKEN_UNAVAILABLE, "the token is away");
        return false;
    }
    if (document_text(op->params, "serial", &serial) == PS_OK &&
        document_text(op->params, "profile", &profile) == PS_OK &&
        ps_bytes_equal(serial, view->serial) && ps_bytes_equal(profile, view->profile)) {
        return true;
    }
    operation_refuse(op, PS_PROBLEM_CONFLICT,
                     "the token or its profile is another one since: make a new operation");
    return false;
}

bool new_key_has_its_token(struct operation *op, struct ps_bytes name)
{
    struct token_view view = {.number = 0};

    return new_key_find_token(op, name, &view) && is_that_token(op, &view);
}

bool new_key_can_live(struct operation *op, const struct key_record *record)
{
    struct token_view view = {.number = 0};

    if (!new_key_find_token(op, record->token, &view)) {
        return false;
    }
    if (!ps_bytes_equal_str(record->residence, "wrapped") ||
        wrapping_keys_allow(op->keeper, &view, record->token, record->type)) {
        return true;
    }
    operation_refuse(op, PS_PROBLEM_REFUSED,
                     "`residence`: the token does not hold the wrapping key, or does not wrap keys "
                     "of this type");
    return false;
}

struct make_spec new_key_spec(const struct operation *op, const struct key_record *record)
{
    return (struct make_spec){.keeper = op->keeper,
                              .token = op->token,
                              .type = record->type,
                              .usage = record->usage,
                              .algorithms = record->algorithms,
                              .algorithm_count = record->algorithm_count,
                              .label = record->name,
                              .version = 1,
                              .is_wrapped = ps_bytes_equal_str(record->residence, "wrapped")};
}

void new_key_put_rows(struct operation *op, const struct key_record *record,
                      const struct object *object, const struct made *made)
{
    const uint64_t now_s = retrace_now_s(op);
    const struct version_record version = {
        .key = record->name,
        .number = 1,
        .state = record->state,
        .object_id = ps_bytes(object->id, OBJECT_ID_LEN),
        .public_key = made->spki,
        .check = made->check,
        .kid = ps_bytes_str(made->kid),
        .token = record->token,
        .created_s = now_s,
        .activates_s = now_s,
        .expires_s = record->validity_s == 0 ? 0 : now_s + record->validity_s,
    };
    PS_BUF_AUTO name = {.max = KEY_VERSION_NAME_MAX};

    key_record_put(record, operation_change(op, CATALOG_KEY, record->name, 0));
    version_record_put_name(record->name, 1, &name);
    version_record_put(&version, operation_change(op, CATALOG_VERSION, ps_buf_bytes(&name), 0));
}
