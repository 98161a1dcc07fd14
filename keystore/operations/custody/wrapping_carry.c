#include "keystore/operations/custody/handlers.h"

#include "keystore/custody/records.h"
#include "keystore/operations/calls.h"
#include "keystore/operations/custody/transport.h"
#include "keystore/operations/custody/trial_key.h"
#include "keystore/operations/custody/wrapping_rows.h"
#include "keystore/operations/keys/key_rows.h"
#include "keystore/operations/keys/new_key.h"
#include "keystore/operations/pins/so_pin.h"
#include "lib/base/encode.h"
#include "lib/base/line.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * Carries the keys that wrap, and the one of the MACs, to a second token: under the pair that was
 * prepared there, whose fingerprint people have approved, and with the word of the first token's
 * security officer. It is done when a key that one token has wrapped signs in the other.
 */

#define LOGIN_LIMIT_NS (60 * PS_NS_PER_S)

struct carry {
    struct operation *op;
    struct token *from;
    const struct key_version *transport;
    struct wrapping_keys keys;
    struct trial_key *trial;
    bool settles;      /* after a crash */
    bool may_be_there; /* what was carried, in the other token */
    bool is_failing;   /* that goes now, and then it has failed: */
    enum ps_problem problem;
    char failure[200];
    size_t cleared;
};

static void free_carry(void *work)
{
    struct carry *carry = work;

    if (carry != NULL) {
        trial_key_free(carry->trial);
        free(carry);
    }
}

/* --- What is asked for --- */

/* The token of the key; when that has left the configuration, one that holds the version. */
static struct ps_bytes source_of(const struct keeper *keeper, const struct key_version *version)
{
    const struct ps_bytes own = ps_bytes_str(version->key->token);
    struct ps_bytes name;
    size_t cursor = 0;

    if (tokens_find(keeper->tokens, own) != NULL) {
        return own;
    }
    while (version_next_token(version, &cursor, &name)) {
        if (tokens_find(keeper->tokens, name) != NULL) {
            return name;
        }
    }
    return own;
}

static void put_params(const struct wrapping_keys *keys, const struct key_version *transport,
                       struct ps_bytes source, const struct token_view *from,
                       const struct token_view *to, struct ps_buf *out)
{
    struct writer json = writer(out);
    char fingerprint[2 * PS_SHA256_LEN + 1];

    transport_fingerprint(transport, fingerprint);
    writer_begin_object(&json, NULL);
    writer_str(&json, "fingerprint", fingerprint);
    writer_text(&json, "from_serial", from->serial);
    writer_text(&json, "from_token", source);
    writer_text(&json, "profile", to->profile);
    writer_text(&json, "serial", to->serial);
    writer_str(&json, "token", transport->key->token);
    writer_decimal(&json, "transport", transport->number);
    writer_decimal(&json, "version", keys->wrapping->number);
    writer_end_object(&json);
}

/* What there is to carry and where; false: it was refused. */
static bool find_all(struct operation *op, struct wrapping_keys *ret_keys,
                     const struct key_version **ret_transport)
{
    const struct key_version *transport = transport_version(op->keeper);

    if (!wrapping_keys_now(op->keeper, ret_keys)) {
        operation_refuse(op, PS_PROBLEM_REFUSED,
                         "there is no wrapping key to be carried: make one (wrapping.create)");
        return false;
    }
    if (transport == NULL) {
        operation_refuse(op, PS_PROBLEM_REFUSED,
                         "nothing is prepared in the token that they go to (wrapping.prepare)");
        return false;
    }
    *ret_transport = transport;
    return true;
}

static bool put_present(struct operation *op, struct ps_buf *out)
{
    struct token_view from = {.number = 0};
    struct token_view to = {.number = 0};
    const struct key_version *transport;
    struct wrapping_keys keys;
    struct ps_bytes source;

    if (!find_all(op, &keys, &transport)) {
        return false;
    }
    source = source_of(op->keeper, keys.wrapping);
    if (!new_key_find_token(op, source, &from) ||
        !new_key_find_token(op, ps_bytes_str(transport->key->token), &to)) {
        return false;
    }
    if (from.state != TOKEN_READY || to.state != TOKEN_READY) {
        operation_refuse(op, PS_PROBLEM_TOKEN_UNAVAILABLE, "one of the two tokens is away");
        return false;
    }
    /* Under two names it would be destroyed here to make room for itself. */
    if (ps_bytes_equal(from.serial, to.serial)) {
        operation_refuse(op, PS_PROBLEM_REFUSED, "both names are of one token: its serial is %.*s",
                         PS_BYTES_FMT(to.serial));
        return false;
    }
    put_params(&keys, transport, source, &from, &to, out);
    return true;
}

bool wrapping_carry_resolve(struct operation *op, struct json_value request)
{
    if (json_count(request) != 0) {
        operation_refuse(op, PS_PROBLEM_MALFORMED, "this has no parameters");
        return false;
    }
    return put_present(op, &op->resolved);
}

void wrapping_carry_lock(struct operation *op)
{
    operation_lock(op, "key", ps_bytes_str(TRANSPORT_KEY_NAME));
    wrapping_lock_keys(op);
}

bool wrapping_carry_check(struct operation *op)
{
    PS_BUF_AUTO present = {.max = DOCUMENT_MAX};
    struct ps_bytes from;

    if (!put_present(op, &present)) {
        return false;
    }
    if (!ps_bytes_equal(json_raw(op->params), ps_buf_bytes(&present))) {
        operation_refuse(op, PS_PROBLEM_CONFLICT,
                         "keys or tokens are others since: make a new operation");
        return false;
    }
    return document_text(op->params, "from_token", &from) == PS_OK && transport_has_pins(op, from);
}

/* --- Rows --- */

struct carry_params {
    struct ps_bytes source;
    struct ps_bytes token;
    uint64_t transport;
    uint64_t version;
};

static enum ps_err read_params(const struct operation *op, struct carry_params *ret_params)
{
    PS_TRY(document_text(op->params, "from_token", &ret_params->source));
    PS_TRY(document_text(op->params, "token", &ret_params->token));
    PS_TRY(document_number(op->params, "transport", &ret_params->transport));
    return document_number(op->params, "version", &ret_params->version);
}

enum ps_err wrapping_carry_rows(struct operation *op)
{
    const struct key *transport = keys_find(op->keeper->keys, ps_bytes_str(TRANSPORT_KEY_NAME));
    struct carry_params params;

    PS_TRY(read_params(op, &params));
    if (transport == NULL || params.transport != transport->latest) {
        return ps_fail(PS_E_STATE, 0, "another pair is prepared");
    }
    PS_TRY(wrapping_rows_add_replica(op, (uint32_t)params.version, params.token));
    return key_rows_put_version(op, transport, transport->latest, KEY_DESTROYED);
}

/* --- In the tokens --- */

static void clear_next(struct carry *carry);

/* By the catalog they are not in the other token: what is there of them goes. */
static void fail(struct carry *carry, const char *detail, const struct token_answer *answer)
{
    const bool says_why = answer != NULL && answer->outcome == TOKEN_REFUSED;

    if (carry->is_failing) {
        operation_failed(carry->op, carry->problem,
                         "%s; what has arrived of them could not be destroyed: the next "
                         "wrapping.carry does it",
                         carry->failure);
        return;
    }
    carry->problem = carry->settles ? PS_PROBLEM_KEEPER_UNAVAILABLE : PS_PROBLEM_TOKEN_UNAVAILABLE;
    (void)snprintf(carry->failure, sizeof carry->failure, "%s%s%.*s", detail, says_why ? ": " : "",
                   says_why ? (int)answer->problem->detail.len : 0,
                   says_why ? (const char *)answer->problem->detail.data : "");
    if (!carry->may_be_there) {
        operation_failed(carry->op, carry->problem, "%s", carry->failure);
        return;
    }
    carry->is_failing = true;
    carry->cleared = 0;
    clear_next(carry);
}

/* Of a call that could not be made. */
static void go_or_fail(struct carry *carry, enum ps_err err)
{
    if (err != PS_OK) {
        fail(carry, ps_detail()->text, NULL);
    }
}

static void finish(struct carry *carry)
{
    const enum ps_err err = wrapping_carry_rows(carry->op);

    if (err != PS_OK) {
        operation_failed_error(carry->op, err);
    } else {
        operation_done(carry->op);
    }
}

static bool is_gone(const struct token_answer *answer)
{
    return answer->outcome == TOKEN_ANSWERED ||
           (answer->outcome == TOKEN_REFUSED && answer->problem->problem == PS_PROBLEM_NOT_FOUND);
}

static void on_pair_destroyed(void *context, const struct token_answer *answer)
{
    struct carry *carry = context;

    operation_note_calls(carry->op, answer);
    if (is_gone(answer)) {
        finish(carry);
    } else {
        fail(carry, "they have arrived, but the pair was not destroyed", answer);
    }
}

static void on_tried(void *context, bool is_good, const char *detail)
{
    struct carry *carry = context;
    const struct msg_token_destroy message = {.object_id = version_object_id(carry->transport)};

    if (is_good) {
        go_or_fail(carry, tokens_call(carry->op->token, &msg_token_destroy_info, &message, 0,
                                      on_pair_destroyed, carry));
    } else {
        fail(carry, carry->settles ? "the appliance stopped before they had arrived" : detail,
             NULL);
    }
}

static void on_trial_answer(void *context, const struct token_answer *answer)
{
    struct carry *carry = context;

    operation_note_calls(carry->op, answer);
}

static const struct trial_key_calls trial_calls = {.answered = on_trial_answer, .tried = on_tried};

static void try_there(struct carry *carry)
{
    const struct trial_key_spec spec = {
        .from = carry->from, .to = carry->op->token, .keys = carry->keys};

    go_or_fail(carry, trial_key_begin(&spec, &trial_calls, carry, &carry->trial));
}

static void on_arrived(void *context, const struct token_answer *answer)
{
    struct carry *carry = context;

    operation_note_calls(carry->op, answer);
    if (answer->outcome != TOKEN_ANSWERED) {
        fail(carry, "the other token did not take them", answer);
    } else if (tokens_is_ready(carry->from)) {
        try_there(carry);
    } else {
        /* Its process logs in again; the tick comes back here. */
        carry->op->goes_on = true;
        carry->op->deadline_ns = ps_clock_mono_ns() + LOGIN_LIMIT_NS;
    }
}

static void go_on(struct carry *carry)
{
    if (tokens_is_ready(carry->from)) {
        carry->op->goes_on = false;
        try_there(carry);
    } else if (ps_clock_mono_ns() > carry->op->deadline_ns) {
        fail(carry, "the token that they left does not come back", NULL);
    }
}

static void on_left(void *context, const struct token_answer *answer)
{
    struct carry *carry = context;
    const struct msg_token_carried *carried = answer->message;
    struct msg_token_carry_in message = {
        .transport_id = version_object_id(carry->transport),
        .wrapping_id = version_object_id(carry->keys.wrapping),
        .wrapping_label = ps_bytes_str(WRAPPING_KEY_NAME),
        .secrets_id = version_object_id(carry->keys.secrets),
        .secrets_label = ps_bytes_str(WRAPPING_SECRETS_KEY_NAME),
        .mac_id = version_object_id(carry->keys.mac),
        .mac_label = ps_bytes_str(RECORD_MAC_KEY_NAME),
    };

    operation_note_calls(carry->op, answer);
    if (answer->outcome != TOKEN_ANSWERED || answer->info != &msg_token_carried_info) {
        fail(carry, "the token did not give them", answer);
        return;
    }
    if (carried->so_pin_refused != 0) {
        fail(carry, so_pin_refuse(carry->op, carry->from), NULL);
        return;
    }
    message.wrapping = carried->wrapping;
    message.secrets = carried->secrets;
    message.mac = carried->mac;
    carry->may_be_there = true;
    go_or_fail(carry, tokens_call(carry->op->token, &msg_token_carry_in_info, &message, 0,
                                  on_arrived, carry));
}

static void leave(struct carry *carry)
{
    const struct msg_token_carry_out message = {
        .so_pin = so_pin_take(carry->op, carry->from),
        .pin = tokens_pin(carry->from),
        .public_key = version_spki(carry->transport),
        .wrapping_id = version_object_id(carry->keys.wrapping),
        .secrets_id = version_object_id(carry->keys.secrets),
        .mac_id = version_object_id(carry->keys.mac),
    };

    if (message.so_pin.len == 0) {
        fail(carry, "the SO PIN is not at hand any more", NULL);
        return;
    }
    go_or_fail(carry,
               tokens_call(carry->from, &msg_token_carry_out_info, &message, 0, on_left, carry));
}

static void on_cleared(void *context, const struct token_answer *answer)
{
    struct carry *carry = context;

    operation_note_calls(carry->op, answer);
    if (!is_gone(answer)) {
        fail(carry, "what an attempt before left could not be destroyed", answer);
        return;
    }
    carry->cleared++;
    clear_next(carry);
}

/* By the catalog it does not hold them: what has their ids is left of an attempt. */
static void clear_next(struct carry *carry)
{
    const struct key_version *versions[] = {carry->keys.wrapping, carry->keys.secrets,
                                            carry->keys.mac};
    struct msg_token_destroy message = {0};

    if (carry->cleared == PS_COUNT_OF(versions)) {
        if (carry->is_failing) {
            operation_failed(carry->op, carry->problem, "%s", carry->failure);
        } else {
            leave(carry);
        }
        return;
    }
    message.object_id = version_object_id(versions[carry->cleared]);
    go_or_fail(carry, tokens_call(carry->op->token, &msg_token_destroy_info, &message, 0,
                                  on_cleared, carry));
}

static enum ps_err find_versions(struct carry *carry, const struct carry_params *params)
{
    const struct keeper *keeper = carry->op->keeper;

    carry->transport = transport_version(keeper);
    if (carry->transport == NULL || carry->transport->number != params->transport) {
        return ps_fail(PS_E_STATE, 0, "there is nothing to carry them under");
    }
    if (!wrapping_keys_at(keeper, (uint32_t)params->version, &carry->keys) ||
        version_is_on(carry->keys.wrapping, params->token)) {
        return ps_fail(PS_E_STATE, 0, "there is no such version, or it is there already");
    }
    carry->from = tokens_find(keeper->tokens, params->source);
    carry->op->token = tokens_find(keeper->tokens, params->token);
    return carry->op->token != NULL && carry->from != carry->op->token
               ? PS_OK
               : ps_fail(PS_E_TOKEN, 0, "the token that they go to is not configured");
}

static struct carry *begin(struct operation *op)
{
    struct carry *carry = calloc(1, sizeof *carry);
    struct carry_params params;
    enum ps_err err;

    if (carry == NULL) {
        operation_failed(op, PS_PROBLEM_OVERLOADED, "out of memory");
        return NULL;
    }
    op->work = carry;
    op->free_work = free_carry;
    carry->op = op;
    err = read_params(op, &params);
    if (err == PS_OK) {
        err = find_versions(carry, &params);
    }
    if (err != PS_OK) {
        operation_failed_error(op, err);
        return NULL;
    }
    return carry;
}

void wrapping_carry_execute(struct operation *op)
{
    struct carry *carry;

    if (op->goes_on) {
        go_on(op->work);
        return;
    }
    carry = begin(op);
    if (carry != NULL && carry->from == NULL) {
        fail(carry, "the token that they are in is not configured", NULL);
    } else if (carry != NULL) {
        clear_next(carry);
    }
}

static bool has_destination(const struct operation *op)
{
    struct carry_params params;

    return read_params(op, &params) != PS_OK ||
           tokens_find(op->keeper->tokens, params.token) != NULL;
}

/* Whether they have arrived shows when they are tried. */
static void settle(struct carry *carry)
{
    struct operation *op = carry->op;

    carry->settles = true;
    carry->may_be_there = true;
    if (carry->from == NULL) {
        fail(carry, "the token that they left has left the configuration", NULL);
    } else if (tokens_is_ready(carry->from)) {
        try_there(carry);
    } else {
        op->work = NULL;
        op->step = OPERATION_OPEN;
        free_carry(carry);
    }
}

void wrapping_carry_settle(struct operation *op)
{
    struct carry *carry;

    if (!has_destination(op)) {
        settle_without_token(op, "what has arrived there of the keys that wrap stays in it; should "
                                 "it come back, an inventory finds that, and the next "
                                 "wrapping.carry to it destroys it");
        return;
    }
    carry = begin(op);
    if (carry != NULL) {
        settle(carry);
    }
}

enum ps_err wrapping_carry_describe(struct operation *op, struct writer *json)
{
    struct carry_params params;

    PS_TRY(read_params(op, &params));
    writer_text(json, "token", params.token);
    writer_number(json, "version", params.version);
    ps_buf_put_str(&op->location, "/v1/system");
    return PS_OK;
}
