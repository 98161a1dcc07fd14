#include "keystore/operations/internal.h"

#include "keystore/operations/appliance/genesis.h"
#include "keystore/operations/appliance/handlers.h"
#include "keystore/operations/callers/clients.h"
#include "keystore/policy/rules.h"
#include "lib/ceremony/operation/document.h"
#include "lib/ceremony/people/lockout.h"

#include <stdio.h>

/*
 * The document of a genesis: from what was asked for to its parameters, and from these to whether
 * it is possible. Its people are the first ones to sign anything: all of them sign it.
 */

#define CLIENT_DEFAULT "administrator"
#define GENESIS_KEYS   2u /* of the log, and of the appliance's identity */

struct genesis_request {
    struct ps_bytes client;
    bool initialise;
    struct ps_bytes log_key_type;
    struct ps_bytes origin;
    struct json_value pins;
    struct json_value policy;
    struct json_value roster;
    struct ps_bytes token;
    struct json_value uids;
};

static const struct json_field request_fields[] = {
    JSON_FIELD(struct genesis_request, client, JSON_KIND_NAME, false, PS_NAME_MAX),
    JSON_FIELD(struct genesis_request, initialise, JSON_KIND_BOOL, false, 0),
    JSON_FIELD(struct genesis_request, log_key_type, JSON_KIND_STRING, false, 16),
    JSON_FIELD(struct genesis_request, origin, JSON_KIND_STRING, false, IPC_NAME_MAX),
    JSON_FIELD(struct genesis_request, pins, JSON_KIND_ARRAY, false, 0),
    JSON_FIELD(struct genesis_request, policy, JSON_KIND_OBJECT, true, 0),
    JSON_FIELD(struct genesis_request, roster, JSON_KIND_OBJECT, true, 0),
    JSON_FIELD(struct genesis_request, token, JSON_KIND_NAME, false, PS_NAME_MAX),
    JSON_FIELD(struct genesis_request, uids, JSON_KIND_ARRAY, false, 0),
};

/* The origin is the name of a signed note's key, for ever (docs/log-format.md, section 3). */
static bool is_origin(struct ps_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] <= ' ' || text.data[i] >= 0x7f || text.data[i] == '+') {
            return false;
        }
    }
    return text.len != 0 && text.len <= IPC_NAME_MAX && text.data[text.len - 1] != '/';
}

static bool choose_token(struct operation *op, const struct genesis_request *request)
{
    struct keeper *keeper = op->keeper;

    op->token = request->token.len != 0 ? tokens_find(keeper->tokens, request->token)
                                        : tokens_at(keeper->tokens, 0);
    if (op->token == NULL) {
        operation_refuse(op, PS_PROBLEM_REFUSED, "`token`: there is no such token");
    }
    return op->token != NULL;
}

static bool token_fits(struct operation *op, bool initialise)
{
    if (initialise && tokens_state(op->token) != TOKEN_BLANK) {
        operation_refuse_state(op, token_state_name(tokens_state(op->token)),
                               "`initialise`: the token is not blank");
        return false;
    }
    if (!initialise && tokens_state(op->token) == TOKEN_BLANK) {
        operation_refuse_state(op, token_state_name(TOKEN_BLANK),
                               "the token is blank: make it with the vendor's tools, or say "
                               "`initialise`");
        return false;
    }
    if (tokens_pin(op->token).len == 0 || (initialise && tokens_so_pin(op->token).len == 0)) {
        operation_refuse(op, PS_PROBLEM_REFUSED, "no PIN is configured for the token");
        return false;
    }
    return true;
}

/* The first client: by default the caller itself, by its uid. */
static enum ps_err put_client(struct operation *op, const struct genesis_request *request,
                              struct ps_buf *out)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct client_record record = {
        .name = request->client.len != 0 ? request->client : ps_bytes_str(CLIENT_DEFAULT),
        .pins = request->pins,
        .uids = request->uids,
        .listener = ps_bytes_str("both"),
    };
    char text[16];

    PS_TRY(json_new(&parser));
    if (request->uids.doc == NULL) {
        const int len = snprintf(text, sizeof text, "[%u]", op->caller_uid);

        PS_TRY(json_parse(parser, ps_bytes(text, (size_t)len), &JSON_LIMITS_REQUEST, &record.uids));
    }
    client_params_put(&record, out);
    return ps_buf_status(out);
}

static bool client_obeys_rules(struct operation *op, struct json_value client)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    uint32_t refused[ACCESS_REFUSED_MAX];
    const struct client_rule_context context = {
        .is_practice = op->keeper->config->practice != 0,
        .refused_uids = refused,
        .refused_count = keeper_refused_uids(op->keeper, refused),
    };
    struct json_value value;
    struct client_record record;
    const struct rule *rule;
    enum ps_err err = json_new(&parser);
    PS_BUF_AUTO row;

    ps_buf_init(&row, LOG_ENTRY_MAX);
    if (err == PS_OK) {
        err = client_params_to_row(client, &row);
    }
    if (err == PS_OK) {
        err = json_parse(parser, ps_buf_bytes(&row), &JSON_LIMITS_REQUEST, &value);
    }
    if (err == PS_OK) {
        err = client_record_read(value, &record);
    }
    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    rule = rules_check_client(&record, &context);
    if (rule != NULL) {
        operation_refuse(op, PS_PROBLEM_REFUSED, "%s", rule->detail);
    }
    return rule == NULL;
}

/* Both in their one form. */
static enum ps_err read_people(const struct genesis_request *request, struct ps_buf *roster_out,
                               struct ps_buf *policy_out)
{
    PS_CLEANUP(roster_free_cleanup) struct roster *roster = NULL;
    struct policy policy;

    PS_TRY(roster_read(request->roster, &roster));
    PS_TRY(policy_read(request->policy, &policy));
    roster_put(roster, roster_out);
    policy_put(&policy, policy_out);
    PS_TRY(ps_buf_status(roster_out));
    return ps_buf_status(policy_out);
}

struct genesis_texts {
    struct ps_bytes origin;
    struct ps_bytes client;
    struct ps_bytes roster;
    struct ps_bytes policy;
};

static void put_params(struct operation *op, const struct genesis_request *request,
                       const struct genesis_texts *texts)
{
    struct writer json = writer(&op->resolved);

    writer_begin_object(&json, NULL);
    writer_raw(&json, "client", texts->client);
    writer_hex(&json, "configuration", op->keeper->config->configuration);
    writer_bool(&json, "initialise", request->initialise);
    writer_str(&json, "log_key_type", "ed25519");
    writer_begin_array(&json, "objects");
    writer_hex(&json, NULL, ps_bytes(operation_reserve(op)->id, OBJECT_ID_LEN));
    writer_hex(&json, NULL, ps_bytes(operation_reserve(op)->id, OBJECT_ID_LEN));
    writer_end_array(&json);
    writer_text(&json, "origin", texts->origin);
    writer_raw(&json, "policy", texts->policy);
    writer_bool(&json, "practice", op->keeper->config->practice != 0);
    writer_raw(&json, "roster", texts->roster);
    writer_text(&json, "token", tokens_name(op->token));
    writer_end_object(&json);
}

static enum ps_err check_request(const struct genesis_request *request, struct ps_bytes origin)
{
    if (!is_origin(origin)) {
        return ps_fail(PS_E_INPUT, 0, "`origin`: printable ASCII without blanks and plus signs");
    }
    if (request->log_key_type.len != 0 && !ps_bytes_equal_str(request->log_key_type, "ed25519")) {
        return ps_fail(PS_E_INPUT, 0, "`log_key_type`: checkpoints are signed with ed25519");
    }
    return PS_OK;
}

bool genesis_resolve(struct operation *op, struct json_value body)
{
    struct genesis_request request = {.initialise = false};
    struct genesis_texts texts;
    enum ps_err err =
        json_read_object(body, request_fields, PS_COUNT_OF(request_fields), &request, NULL);
    PS_BUF_AUTO client;
    PS_BUF_AUTO roster;
    PS_BUF_AUTO policy;

    ps_buf_init(&client, LOG_ENTRY_MAX);
    ps_buf_init(&roster, DOCUMENT_MAX);
    ps_buf_init(&policy, POLICY_OCTETS_MAX);
    texts.origin = request.origin.len != 0 ? request.origin : op->keeper->config->origin;
    if (err == PS_OK) {
        err = check_request(&request, texts.origin);
    }
    if (err == PS_OK) {
        err = put_client(op, &request, &client);
    }
    if (err == PS_OK) {
        err = read_people(&request, &roster, &policy);
    }
    if (err != PS_OK) {
        operation_refuse_error(op, err);
        return false;
    }
    texts.client = ps_buf_bytes(&client);
    texts.roster = ps_buf_bytes(&roster);
    texts.policy = ps_buf_bytes(&policy);
    if (!choose_token(op, &request)) {
        return false;
    }
    put_params(op, &request, &texts);
    return true;
}

/* --- What the parameters say --- */

struct params {
    struct json_value client;
    struct json_value objects;
    struct json_value policy;
    struct json_value roster;
    bool initialise;
};

static enum ps_err read_params(struct operation *op, struct params *ret_params)
{
    struct json_value initialise;
    struct ps_bytes token;

    PS_TRY(document_text(op->params, "token", &token));
    op->token = tokens_find(op->keeper->tokens, token);
    if (op->token == NULL) {
        return ps_fail(PS_E_STATE, 0, "there is no such token");
    }
    if (!json_member(op->params, "client", &ret_params->client) ||
        !json_member(op->params, "objects", &ret_params->objects) ||
        !json_member(op->params, "roster", &ret_params->roster) ||
        !json_member(op->params, "policy", &ret_params->policy) ||
        !json_member(op->params, "initialise", &initialise)) {
        return ps_fail(PS_E_INPUT, 0, "parameters of a genesis that are none");
    }
    ret_params->initialise = json_type(initialise) == JSON_TRUE;
    return PS_OK;
}

/* The ids that the document has for the first two keys. */
static enum ps_err take_objects(struct operation *op, struct json_value objects)
{
    op->object_count = 0;
    PS_TRY(document_objects(op, objects));
    return op->object_count == GENESIS_KEYS ? PS_OK : ps_fail(PS_E_INPUT, 0, "no ids of keys");
}

/* One signature in a leaf, with the person's name; and what of a leaf is neither of these. */
#define SIGNATURE_ROOM 600u
#define OTHER_ROOM     8192u

/*
 * Said before the token is touched and before anybody signs: the first leaf holds the document, the
 * rows of its people, and a signature of each.
 */
static enum ps_err check_room(const struct operation *op, size_t people)
{
    if (2 * op->document.len + people * SIGNATURE_ROOM + OTHER_ROOM > LOG_ENTRY_MAX) {
        return ps_fail(PS_E_DENIED, 0,
                       "`roster`: more people or keys than the log's first leaf holds; begin with "
                       "fewer and enrol the others afterwards");
    }
    return PS_OK;
}

/* The one that people sign is the one that the appliance has. */
static enum ps_err check_configuration(const struct operation *op)
{
    struct ps_bytes hex;
    PS_BUF_AUTO present;

    ps_buf_init(&present, 2 * PS_SHA256_LEN);
    ps_buf_put_hex(&present, op->keeper->config->configuration);
    PS_TRY(document_text(op->params, "configuration", &hex));
    if (!ps_bytes_equal(hex, ps_buf_bytes(&present))) {
        return ps_fail(PS_E_DENIED, 0, "the configuration has changed since: make a new genesis");
    }
    return PS_OK;
}

static enum ps_err check_people(const struct operation *op, const struct params *params)
{
    const bool is_practice = op->keeper->config->practice != 0;
    PS_CLEANUP(roster_free_cleanup) struct roster *roster = NULL;
    struct policy policy;

    PS_TRY(roster_read(params->roster, &roster));
    PS_TRY(policy_read(params->policy, &policy));
    if (policy.epoch != 1) {
        return ps_fail(PS_E_DENIED, 0, "`policy`: the first epoch is 1");
    }
    PS_TRY(policy_check(&policy, is_practice));
    PS_TRY(check_room(op, roster_count(roster)));
    return lockout_check(roster, &policy, real_now_s(), NULL);
}

bool genesis_check(struct operation *op)
{
    struct params params = {.initialise = false};
    enum ps_err err = read_params(op, &params);

    if (err == PS_OK) {
        err = take_objects(op, params.objects);
    }
    if (err == PS_OK) {
        err = check_configuration(op);
    }
    if (err == PS_OK) {
        err = check_people(op, &params);
    }
    if (err != PS_OK) {
        operation_refuse(op, err == PS_E_INPUT ? PS_PROBLEM_MALFORMED : PS_PROBLEM_REFUSED, "%s",
                         ps_detail()->text);
        return false;
    }
    operation_lock(op, "genesis", ps_bytes(NULL, 0));
    return token_fits(op, params.initialise) && client_obeys_rules(op, params.client);
}

/* --- The rows of people --- */

static enum ps_err put_roster(struct operation *op, struct json_value value)
{
    PS_CLEANUP(roster_free_cleanup) struct roster *roster = NULL;
    const struct person *person;

    PS_TRY(roster_read(value, &roster));
    if (roster_count(roster) > CHANGES_MAX - op->change_count) {
        return ps_fail(PS_E_LIMIT, 0, "more people than one leaf takes");
    }
    for (size_t i = 0; (person = roster_at(roster, i)) != NULL; i++) {
        person_put(person, operation_change(op, CATALOG_ROSTER, ps_bytes_str(person->name), 0));
    }
    return PS_OK;
}

enum ps_err genesis_put_people(struct operation *op)
{
    struct policy_record record = {.epoch = 1};
    struct params params = {.initialise = false};

    PS_TRY(read_params(op, &params));
    record.document = params.policy;
    PS_TRY(put_roster(op, params.roster));
    policy_record_put(&record, operation_change(op, CATALOG_POLICY, ps_bytes_str(POLICY_ROW), 0));
    return PS_OK;
}
