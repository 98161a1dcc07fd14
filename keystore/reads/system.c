#include "keystore/reads/internal.h"

#include "keystore/backup/losses.h"
#include "keystore/backup/mirror.h"
#include "keystore/callers/why.h"
#include "keystore/custody/custody.h"
#include "keystore/custody/holdings.h"
#include "keystore/custody/wrapping_keys.h"
#include "keystore/gate/gate.h"
#include "keystore/keys/key_cache.h"
#include "keystore/metrics.h"
#include "keystore/operations/operations.h"
#include "keystore/signing/signer.h"
#include "keystore/state/check.h"
#include "keystore/state/disk_watch.h"
#include "keystore/state/lock.h"
#include "keystore/state/state.h"
#include "keystore/tokens/approval.h"
#include "lib/base/clock.h"
#include "lib/ceremony/people/lockout.h"

#include <stdio.h>

/* The appliance itself. */

enum ps_err read_health(struct read *read)
{
    state_put_ready(read->keeper, &read->body);
    read->document.status = state_ready_status(read->keeper);
    return PS_OK;
}

enum ps_err read_metrics(struct read *read)
{
    keeper_metrics_put(read->keeper, &read->body);
    return PS_OK;
}

enum ps_err read_why(struct read *read)
{
    return why_put(read->keeper->why, read->message->name, &read->body);
}

static void put_process(const struct token_view *view, struct writer *json)
{
    writer_begin_object(json, NULL);
    writer_number(json, "number", view->number);
    writer_str(json, "state", token_state_name(view->state));
    writer_text_if(json, "reason", view->reason);
    writer_number(json, "sessions", view->sessions);
    writer_number(json, "in_flight", view->in_flight);
    writer_number(json, "generation", view->generation);
    writer_number(json, "reconnects", view->reconnects);
    writer_end_object(json);
}

/* What the first process says of the token, all of them say. */
static void put_token(const struct token *token, struct writer *json)
{
    struct token_view view;
    uint64_t sessions = 0;

    writer_begin_object(json, NULL);
    writer_text(json, "token", tokens_name(token));
    writer_str(json, "state", token_state_name(tokens_state(token)));
    writer_bool(json, "accepted", tokens_is_approved(token));
    if (tokens_view(token, 0, &view)) {
        writer_text(json, "model", view.model);
        writer_text(json, "manufacturer", view.manufacturer);
        writer_text(json, "firmware", view.firmware);
        writer_text(json, "serial", view.serial);
        writer_text(json, "label", view.label);
        writer_text(json, "profile", view.profile);
        writer_hex(json, "module_sha256", view.module_hash);
        if (view.profile_hash.len != 0) {
            writer_hex(json, "profile_sha256", view.profile_hash);
        }
    }
    writer_begin_array(json, "processes");
    for (size_t i = 0; tokens_view(token, i, &view); i++) {
        sessions += view.state == TOKEN_READY ? view.sessions : 0;
        put_process(&view, json);
    }
    writer_end_array(json);
    writer_number(json, "sessions", sessions);
    writer_number(json, "queue", signer_waiting(token));
    writer_end_object(json);
}

static void put_log(struct log *log, const char *name, struct writer *json)
{
    struct merkle_hash root;

    writer_begin_object(json, name);
    writer_number(json, "leaves", log_durable(log));
    writer_number(json, "size", log_tree_size(log));
    if (log_root(log, log_tree_size(log), &root) == PS_OK) {
        writer_octets(json, "root", ps_bytes(root.octets, sizeof root.octets));
    }
    writer_text_if(json, "shard", ps_bytes_str(log_shard(log)));
    writer_bool(json, "failed", log_has_failed(log));
    writer_end_object(json);
}

static void put_disk(const struct keeper *keeper, struct writer *json)
{
    uint64_t available;
    uint64_t per_minute;
    uint64_t seconds;

    log_space(keeper->use, &available, &per_minute);
    writer_begin_object(json, "disk");
    writer_number(json, "octets_free", available);
    writer_number(json, "octets_reserved", keeper->config->disk_reserve_mb * MIB);
    if (disk_watch_forecast(keeper, &seconds)) {
        writer_number(json, "seconds_to_full", seconds);
    }
    writer_end_object(json);
}

static void put_appliance(const struct keeper *keeper, struct writer *json)
{
    const struct appliance *appliance = &keeper->appliance;

    if (!appliance->exists) {
        writer_bool(json, "practice", keeper->config->practice != 0);
        return;
    }
    writer_str(json, "origin", appliance->origin);
    writer_hex(json, "appliance", ps_bytes(appliance->identity_hash, PS_SHA256_LEN));
    writer_bool(json, "practice", appliance->is_practice);
    writer_str(json, "unlock", custody_mode(keeper->custody));
    lock_put_configuration(keeper, json);
    writer_begin_object(json, "policy");
    writer_number(json, "epoch", appliance->policy_epoch);
    writer_end_object(json);
}

/* What the supervisor says of how the processes are kept apart, as it said it. */
static enum ps_err put_sandbox(const struct keeper *keeper, struct writer *json)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct json_value hashes;
    struct json_value sandbox;

    if (keeper->config->hashes.len == 0) {
        return PS_OK;
    }
    PS_TRY(json_new(&parser));
    PS_TRY(json_parse(parser, keeper->config->hashes, &JSON_LIMITS_REQUEST, &hashes));
    if (json_type(hashes) == JSON_OBJECT && json_member(hashes, "sandbox", &sandbox)) {
        writer_raw(json, "sandbox", json_raw(sandbox));
    }
    return PS_OK;
}

static void put_warning(struct writer *json, const char *code, const char *detail)
{
    writer_begin_object(json, NULL);
    writer_str(json, "code", code);
    writer_str(json, "detail", detail);
    writer_end_object(json);
}

/* An old version that nobody has said is empty: the keys under it need it, and so do backups. */
static const struct key_version *find_old_wrapping(const struct key *wrapping)
{
    for (size_t i = 0; i < wrapping->version_count; i++) {
        const struct key_version *version = wrapping->versions[i];

        if (version->state == KEY_DEACTIVATED && version->expires_s == 0) {
            return version;
        }
    }
    return NULL;
}

static void put_wrapping_warnings(const struct keeper *keeper, struct writer *json)
{
    const struct key_version *old;
    struct wrapping_keys keys;
    char detail[160];

    if (!wrapping_keys_now(keeper, &keys)) {
        return;
    }
    if (holdings_count(keeper, keys.wrapping) <= 1) {
        put_warning(json, "unrecoverable",
                    "the key that wraps others is in one token only: what lives wrapped is lost "
                    "with it (wrapping.carry)");
    }
    old = find_old_wrapping(keys.wrapping->key);
    if (old != NULL) {
        (void)snprintf(detail, sizeof detail,
                       "keys may be under version %u of the key that wraps still: wrap them anew "
                       "(wrapping.rewrap)",
                       old->number);
        put_warning(json, "rewrap", detail);
    }
}

/* What works today and will not if nobody does anything. */
static void put_warnings(const struct keeper *keeper, struct writer *json)
{
    writer_begin_array(json, "warnings");
    if (keeper->appliance.exists &&
        lockout_check(gate_roster(keeper->gate), gate_policy(keeper->gate), real_now_s(), NULL) ==
            PS_E_DENIED) {
        put_warning(json, "people", ps_detail()->text);
    }
    custody_put_warnings(keeper->custody, json);
    put_wrapping_warnings(keeper, json);
    writer_end_array(json);
}

/* What is gone, and what goes with one token. */
static enum ps_err put_recovery(const struct keeper *keeper, struct writer *json)
{
    struct losses losses;

    if (!keeper->appliance.exists) {
        return PS_OK;
    }
    writer_begin_object(json, "recovery");
    PS_TRY(losses_put_in_one_token(keeper, "one_token", json));
    writer_begin_object(json, "unrecoverable");
    writer_begin_array(json, "keys");
    PS_TRY(losses_put(keeper, LOSSES_NAMED, json, &losses));
    writer_end_array(json);
    writer_number(json, "count", losses.lost);
    writer_number(json, "unknown", losses.unknown);
    writer_end_object(json);
    writer_end_object(json);
    return PS_OK;
}

enum ps_err read_system(struct read *read)
{
    const struct keeper *keeper = read->keeper;
    struct writer json = writer(&read->body);
    const struct token *token;

    writer_begin_object(&json, NULL);
    state_put_state(keeper, &json);
    writer_str(&json, "version", PRIVYSEAL_VERSION);
    put_appliance(keeper, &json);
    put_warnings(keeper, &json);
    writer_begin_array(&json, "tokens");
    for (size_t i = 0; (token = tokens_at(keeper->tokens, i)) != NULL; i++) {
        put_token(token, &json);
    }
    writer_end_array(&json);
    if (keeper->events != NULL && keeper->use != NULL) {
        writer_begin_object(&json, "logs");
        put_log(keeper->events, "events", &json);
        put_log(keeper->use, "use", &json);
        writer_end_object(&json);
        put_disk(keeper, &json);
    }
    mirror_put(keeper->mirror, &json);
    PS_TRY(put_recovery(keeper, &json));
    check_put_progress(keeper->check, &json);
    writer_number(&json, "keys", keys_count(keeper->keys) + key_cache_away(keeper->key_cache));
    writer_number(&json, "requests", signer_count(keeper->signer));
    writer_number(&json, "operations", operations_count(keeper->operations));
    writer_number(&json, "uptime_s", (ps_clock_mono_ns() - keeper->started_ns) / PS_NS_PER_S);
    PS_TRY(put_sandbox(keeper, &json));
    writer_end_object(&json);
    return PS_OK;
}

/* --- Who asks --- */

enum ps_err read_whoami(struct read *read)
{
    const struct msg_caller *caller = &read->message->caller;
    struct writer json = writer(&read->body);

    writer_begin_object(&json, NULL);
    if (read->authority.client == NULL) {
        writer_bool(&json, "administrator", true);
    } else {
        writer_text(&json, "client", authority_name(&read->authority));
    }
    writer_str(&json, "listener", read->role == IPC_ROLE_API_MANAGEMENT ? "management" : "clients");
    if (caller->kind == CALLER_UNIX) {
        writer_number(&json, "uid", caller->uid);
    } else {
        writer_octets(&json, "spki", caller->spki);
    }
    if (read->authority.client == NULL) {
        writer_raw(&json, "grants", ps_bytes_str("[]"));
    } else {
        writer_raw(&json, "grants", ps_bytes(NULL, 0));
        access_put_grants(read->authority.client, real_now_s(), &read->body);
    }
    writer_end_object(&json);
    return PS_OK;
}

void read_answer_access_check(struct keeper *keeper, const struct reply_to *to,
                              const struct msg_access_check *message)
{
    const struct authority authority = authority_decide_request(
        keeper, &(struct question){.role = to->peer->role, .caller = &message->caller},
        message->request_id);
    struct access_question question = {
        .key = message->key, .format = ps_format_by_name(message->format), .now_s = real_now_s()};
    PS_BUF_AUTO body;

    ps_buf_init(&body, IPC_DOCUMENT_MAX);
    if (authority.problem != PS_PROBLEM_NONE) {
        answer_problem(
            to, &(struct problem_answer){.problem = authority.problem, .detail = authority.text});
        return;
    }
    question.operation = granted_op_by_name(message->operation, &question.parameter);
    if (message->format.len != 0 && question.format == PS_FORMAT_NONE) {
        answer_problem(to, &(struct problem_answer){.problem = PS_PROBLEM_REFUSED,
                                                    .detail = "format: there is no such format"});
        return;
    }
    if (question.operation == GRANTED_NONE) {
        ps_buf_put_str(&body, "{\"allowed\":false,\"detail\":\"no grant can name this operation\","
                              "\"rule\":\"unknown-operation\"}");
    } else {
        access_put_explanation(keeper->access, authority.client, &question, &body);
    }
    answer_document(to, &(struct msg_document){
                            .status = 200, .media = MEDIA_JSON, .body = ps_buf_bytes(&body)});
}
