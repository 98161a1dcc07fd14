#include "keystore/keeper.h"

#include "keystore/backup/backup.h"
#include "keystore/backup/drill.h"
#include "keystore/backup/mirror.h"
#include "keystore/backup/restored.h"
#include "keystore/callers/api_peers.h"
#include "keystore/callers/authority.h"
#include "keystore/callers/client_nonces.h"
#include "keystore/callers/request_queue.h"
#include "keystore/callers/why.h"
#include "keystore/certificates/crls.h"
#include "keystore/certificates/profiles.h"
#include "keystore/certificates/revocations.h"
#include "keystore/certificates/tls_certificates.h"
#include "keystore/custody/custody.h"
#include "keystore/custody/inventory.h"
#include "keystore/custody/refused_pins.h"
#include "keystore/custody/row_reader.h"
#include "keystore/events/anchor.h"
#include "keystore/events/checkpoints.h"
#include "keystore/events/events.h"
#include "keystore/events/pruning.h"
#include "keystore/events/truth.h"
#include "keystore/gate/gate.h"
#include "keystore/internal.h"
#include "keystore/keys/key_cache.h"
#include "keystore/keys/sets.h"
#include "keystore/load.h"
#include "keystore/metrics.h"
#include "keystore/operations/operations.h"
#include "keystore/reads/audit.h"
#include "keystore/reads/random.h"
#include "keystore/signing/signer.h"
#include "keystore/snapshot/snapshot.h"
#include "keystore/start.h"
#include "keystore/state/check.h"
#include "keystore/state/lock.h"
#include "keystore/state/state.h"
#include "keystore/tokens/approval.h"
#include "keystore/tokens/origin.h"
#include "keystore/witnesses/witnesses.h"
#include "lib/base/encode.h"

#include <stdio.h>
#include <unistd.h>

#define TICK_NS (50 * PS_NS_PER_MS)
#define SLOW_NS PS_NS_PER_S

struct process {
    struct keeper keeper;
    struct ps_timer *tick;
    struct ps_timer *slow;
    int status;
};

struct token *keeper_main_token(const struct keeper *keeper)
{
    return keeper->appliance.token[0] == 0
               ? NULL
               : tokens_find(keeper->tokens, ps_bytes_str(keeper->appliance.token));
}

size_t keeper_refused_uids(const struct keeper *keeper, uint32_t *out)
{
    const struct ps_bytes list = keeper->config->refused_uids;
    size_t count = 0;

    for (size_t at = 0; at + 4 <= list.len && count < ACCESS_REFUSED_MAX; at += 4) {
        const uint8_t *octets = list.data + at;

        out[count++] = (uint32_t)octets[0] << 24 | (uint32_t)octets[1] << 16 |
                       (uint32_t)octets[2] << 8 | octets[3];
    }
    return count;
}

/* --- Tokens --- */

static void on_token_change(void *context, struct token *token)
{
    struct keeper *keeper = context;

    state_look(keeper);
    if (keeper->started) {
        anchor_look(keeper->anchor);
        operations_token_changed(keeper->operations, token);
        inventory_tick(keeper->inventory);
    }
}

static void on_token_room(void *context, struct token *token)
{
    struct keeper *keeper = context;

    signer_dispatch(keeper->signer, token);
}

static void on_token_hung(void *context, struct token *token, uint32_t number, const char *why)
{
    struct keeper *keeper = context;
    const struct msg_hung message = {.token = tokens_name(token), .number = number};

    keeper_metrics_note_hung(keeper->metrics, token, why);
    ps_line(PS_ERROR, "token_process_given_up", PS_TEXT("token", tokens_name(token)),
            PS_NUM("number", number), PS_STR("why", why));
    if (channel_send(keeper->supervisor, &msg_hung_info, 0, &message) != PS_OK) {
        ps_line(PS_ERROR, "supervisor_not_told", PS_STR("detail", ps_detail()->text));
    }
    if (strcmp(why, CUSTODY_RESTART) != 0) {
        events_alarm(keeper, "token-process", tokens_name(token), why);
    }
}

static void on_token_wrong_pin(void *context, struct token *token)
{
    struct keeper *keeper = context;

    keeper_refuse_pin(keeper, token);
    if (custody_try_next(keeper->custody, token)) {
        return;
    }
    events_alarm(keeper, "wrong-pin", tokens_name(token),
                 "the token refused the PIN; it is not tried again before another is configured");
}

/* With what to do: of what is wrong with it the process told but a word. */
static void on_token_unapproved(void *context, struct token *token, const char *what)
{
    char detail[160];

    (void)snprintf(detail, sizeof detail, "%s: put back what was approved%s", what,
                   strcmp(what, TOKENS_OTHER_SERIAL) == 0
                       ? ""
                       : ", or have people approve what is there now (token.approve)");
    events_alarm(context, "unapproved-token", tokens_name(token), detail);
    state_look(context);
}

static const struct tokens_handler token_calls = {
    .on_change = on_token_change,
    .on_room = on_token_room,
    .on_hung = on_token_hung,
    .on_wrong_pin = on_token_wrong_pin,
    .on_unapproved = on_token_unapproved,
};

/* --- Supervisor --- */

static enum ps_err on_peer(struct keeper *keeper, const struct msg_peer *message, int fd)
{
    if (message->role != IPC_ROLE_TOKEN) {
        return keeper_connect_peers(keeper, message->role, fd);
    }
    return tokens_add_process(keeper->tokens,
                              &(struct token_origin){.name = message->name,
                                                     .number = message->number,
                                                     .module_hash = message->module_hash},
                              fd);
}

/* Nobody logs in with a PIN before it is known not to be one that was refused. */
static enum ps_err on_pin(struct keeper *keeper, const struct msg_pin *message)
{
    struct token *token = tokens_find(keeper->tokens, message->token);

    enum ps_err err;

    custody_note_pin(keeper->custody, message);
    /* One that was sent before the supervisor heard of the lock. */
    if (keeper->started && lock_is_on(keeper)) {
        return PS_OK;
    }
    if (keeper->started && message->is_so != 0 &&
        !custody_takes_so_pin(keeper->custody, message->token)) {
        return PS_OK;
    }
    if (!keeper->started || message->is_so != 0) {
        PS_TRY(tokens_set_pin(keeper->tokens, message->token, message->pin, message->is_so != 0));
        if (keeper->started) {
            custody_judge_so_pin(keeper->custody, tokens_find(keeper->tokens, message->token));
        }
        return PS_OK;
    }
    if (token != NULL) {
        tokens_withdraw_approval(token);
    }
    err = tokens_set_pin(keeper->tokens, message->token, message->pin, false);
    if (err != PS_OK) {
        load_approve_tokens(keeper); /* by the PIN that it has */
        return err;
    }
    token = tokens_find(keeper->tokens, message->token);
    custody_judge_pin(keeper->custody, token);
    keeper_check_pins(keeper, token);
    load_approve_tokens(keeper);
    state_look(keeper);
    return PS_OK;
}

static void on_tls_ends(struct keeper *keeper, const struct msg_tls_ends *message)
{
    tls_certificates_set_listeners(keeper->tls_certificates, message->clients_s,
                                   message->management_s);
}

static void on_start(struct keeper *keeper)
{
    keeper->was_told_to_start = true;
    start_keeper(keeper);
    signer_tick(keeper->signer);
}

static size_t requests_left(const struct keeper *keeper)
{
    return signer_count(keeper->signer) + request_queue_count(keeper->requests);
}

/* What is answered and has not gone out yet would go with the process. */
static bool is_drained(struct keeper *keeper)
{
    return requests_left(keeper) == 0 && operations_count(keeper->operations) == 0 &&
           keeper_flush_peers(keeper);
}

static void record_stop(struct keeper *keeper)
{
    if (keeper->appliance.exists && keeper->started && !log_has_failed(keeper->events) &&
        events_record(keeper, &(struct event_leaf){.time_ns = ps_clock_real_ns(), .kind = "stop"},
                      NULL, NULL) != PS_OK) {
        ps_line(PS_WARNING, "stop_not_recorded", PS_STR("detail", ps_detail()->text));
    }
}

static void finish_stop(struct keeper *keeper)
{
    ps_line(PS_INFO, "stopped", PS_NUM("requests_left", requests_left(keeper)),
            PS_NUM("operations_left", operations_count(keeper->operations)));
    record_stop(keeper);
    (void)keeper_flush_peers(keeper);
    ps_loop_stop(keeper->loop);
}

static void on_stop_deadline(void *context)
{
    finish_stop(context);
}

static void on_stop(struct keeper *keeper, const struct msg_stop *message)
{
    keeper->stopping = true;
    state_look(keeper);
    if (is_drained(keeper)) {
        finish_stop(keeper);
    } else {
        ps_timer_set_in(keeper->stop_deadline, message->within_ms * PS_NS_PER_MS);
    }
}

static enum ps_err on_supervisor_message(void *context, struct channel *channel,
                                         const struct ipc_message *info, uint64_t id,
                                         const void *message, int fd)
{
    struct keeper *keeper = &((struct process *)context)->keeper;

    (void)channel;
    (void)id;
    if (info == &msg_peer_info) {
        return on_peer(keeper, message, fd);
    }
    if (info == &msg_pin_info) {
        return on_pin(keeper, message);
    }
    if (info == &msg_listener_info) {
        return custody_serve_console(keeper->custody, fd);
    }
    if (info == &msg_log_level_info) {
        ps_line_set_level(((const struct msg_log_level *)message)->level);
        return PS_OK;
    }
    if (info == &msg_tls_ends_info) {
        on_tls_ends(keeper, message);
        return PS_OK;
    }
    if (info == &msg_start_info) {
        on_start(keeper);
        return PS_OK;
    }
    if (info == &msg_stop_info) {
        on_stop(keeper, message);
        return PS_OK;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return ps_fail(PS_E_INPUT, 0, "%s is not for the keeper", info->name);
}

/* Whoever ended it: without a supervisor nobody starts what dies, and nobody stops us. */
static void on_supervisor_end(void *context, struct channel *channel, enum ps_err why)
{
    struct process *process = context;

    (void)channel;
    if (why != PS_OK) {
        ps_line(PS_ERROR, "supervisor_channel_broken", PS_STR("detail", ps_detail()->text));
        process->status = 1;
    }
    ps_loop_stop(process->keeper.loop);
}

static const struct channel_handler supervisor_calls = {
    .on_message = on_supervisor_message,
    .on_end = on_supervisor_end,
};

/* --- Ticks --- */

static void on_tick(void *context)
{
    struct process *process = context;
    struct keeper *keeper = &process->keeper;

    signer_tick(keeper->signer);
    key_cache_trim(keeper->key_cache);
    if (keeper->stopping && is_drained(keeper)) {
        finish_stop(keeper);
    }
    ps_timer_set_in(process->tick, TICK_NS);
}

static void on_slow(void *context)
{
    struct process *process = context;
    struct keeper *keeper = &process->keeper;

    start_tick(keeper);
    if (keeper->was_told_to_start) {
        check_tick(keeper->check);
    }
    if (keeper->started && keeper->events != NULL && keeper->use != NULL) {
        lock_look(keeper);
        operations_tick(keeper->operations);
        crls_tick(keeper->crls);
        inventory_tick(keeper->inventory);
        witnesses_tick(keeper->witnesses);
        backups_tick(keeper->backups);
        drill_tick(keeper->drill);
        mirror_tick(keeper->mirror);
        restored_tick(keeper->restored);
        checkpoints_tick(keeper->checkpoints);
        snapshots_tick(keeper->snapshots);
        pruning_tick(keeper);
        anchor_tick(keeper->anchor);
        events_note_state(keeper);
    }
    state_look(keeper);
    ps_timer_set_in(process->slow, SLOW_NS);
}

/* --- Life --- */

static enum ps_err make_access(struct keeper *keeper)
{
    uint32_t refused[ACCESS_REFUSED_MAX];
    const struct access_config config = {
        .is_practice = keeper->config->practice != 0,
        .refused_uids = refused,
        .refused_count = keeper_refused_uids(keeper, refused),
    };

    return access_new(&config, &keeper->access);
}

/* The processes themselves could say of it what they like. */
static enum ps_err take_profiles(struct keeper *keeper)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct json_value hashes;
    struct json_value profiles;
    struct json_value hash;
    struct ps_bytes name;
    uint32_t cursor = 0;

    if (keeper->config->hashes.len == 0) {
        return PS_OK;
    }
    PS_TRY(json_new(&parser));
    PS_TRY(json_parse(parser, keeper->config->hashes, &JSON_LIMITS_REQUEST, &hashes));
    if (json_type(hashes) != JSON_OBJECT || !json_member(hashes, "profiles", &profiles) ||
        json_type(profiles) != JSON_OBJECT) {
        return PS_OK;
    }
    while (json_next(profiles, &cursor, &name, &hash)) {
        PS_BUF_AUTO octets = {.max = PS_SHA256_LEN};
        struct ps_bytes text;

        PS_TRY(json_string(hash, &text));
        PS_TRY(ps_hex_decode(text, &octets));
        PS_TRY(tokens_set_profile_hash(keeper->tokens, name, ps_buf_bytes(&octets)));
    }
    return PS_OK;
}

static enum ps_err make_parts(struct keeper *keeper)
{
    PS_TRY(state_init(keeper));
    PS_TRY(held_new(&keeper->events_held));
    PS_TRY(held_new(&keeper->use_held));
    PS_TRY(start_log_thread(keeper));
    PS_TRY(keys_new(&keeper->keys));
    PS_TRY(key_cache_new(keeper, &keeper->key_cache));
    PS_TRY(row_reader_new(keeper->loop, &keeper->row_reader));
    PS_TRY(sets_new(&keeper->sets));
    PS_TRY(profiles_new(&keeper->profiles));
    PS_TRY(revocations_new(&keeper->revocations));
    PS_TRY(crls_new(keeper, &keeper->crls));
    PS_TRY(truth_new(&keeper->truth));
    PS_TRY(make_access(keeper));
    PS_TRY(keeper_metrics_new(&keeper->metrics));
    PS_TRY(why_new(&keeper->why));
    PS_TRY(refusals_new(&keeper->refusals));
    PS_TRY(tls_certificates_new(&keeper->tls_certificates));
    PS_TRY(check_new(keeper, &keeper->check));
    PS_TRY(snapshots_new(keeper, &keeper->snapshots));
    PS_TRY(inventory_new(keeper, &keeper->inventory));
    PS_TRY(witnesses_new(keeper, &keeper->witnesses));
    PS_TRY(backups_new(keeper, &keeper->backups));
    PS_TRY(drill_new(keeper, &keeper->drill));
    PS_TRY(mirror_new(keeper, &keeper->mirror));
    PS_TRY(restored_new(keeper, &keeper->restored));
    PS_TRY(checkpoints_new(keeper, &keeper->checkpoints));
    PS_TRY(anchor_new(keeper, &keeper->anchor));
    PS_TRY(gate_new(keeper, &keeper->gate));
    PS_TRY(client_nonces_new(&keeper->client_nonces));
    PS_TRY(request_queue_new(keeper, &keeper->requests));
    PS_TRY(operations_new(keeper, &keeper->operations));
    PS_TRY(randoms_new(keeper, &keeper->randoms));
    PS_TRY(audits_new(keeper, &keeper->audits));
    PS_TRY(custody_new(keeper, &keeper->custody));
    PS_TRY(signer_new(keeper, &keeper->signer));
    PS_TRY(tokens_new(keeper->loop, &token_calls, keeper, keeper->config->token_timeout_ms,
                      &keeper->tokens));
    return take_profiles(keeper);
}

static enum ps_err make_process(struct process *process, int supervisor_fd)
{
    struct keeper *keeper = &process->keeper;

    PS_TRY(channel_new(keeper->loop, supervisor_fd, &supervisor_set, IPC_SERVER, &supervisor_calls,
                       process, &keeper->supervisor));
    PS_TRY(make_parts(keeper));
    PS_TRY(ps_timer_new(keeper->loop, on_stop_deadline, keeper, &keeper->stop_deadline));
    PS_TRY(ps_timer_new(keeper->loop, on_tick, process, &process->tick));
    PS_TRY(ps_timer_new(keeper->loop, on_slow, process, &process->slow));
    ps_timer_set_in(process->tick, TICK_NS);
    ps_timer_set_in(process->slow, 0);
    return PS_OK;
}

/* Nobody is answered any more here; the logs are closed after what they hold is on disk. */
static void clear_process(struct process *process)
{
    struct keeper *keeper = &process->keeper;

    ps_timer_free(process->tick);
    ps_timer_free(process->slow);
    ps_timer_free(keeper->stop_deadline);
    keeper_clear_peers(keeper);
    request_queue_free(keeper->requests);
    tokens_free(keeper->tokens);
    held_free(keeper->use_held);
    held_free(keeper->events_held);
    signer_free(keeper->signer);
    operations_free(keeper->operations);
    gate_free(keeper->gate);
    client_nonces_free(keeper->client_nonces);
    randoms_free(keeper->randoms);
    audits_free(keeper->audits);
    custody_free(keeper->custody);
    anchor_free(keeper->anchor);
    checkpoints_free(keeper->checkpoints);
    check_free(keeper->check);
    snapshots_free(keeper->snapshots);
    inventory_free(keeper->inventory);
    witnesses_free(keeper->witnesses);
    backups_free(keeper->backups);
    drill_free(keeper->drill);
    mirror_free(keeper->mirror);
    restored_free(keeper->restored);
    refusals_free(keeper->refusals);
    why_free(keeper->why);
    keeper_metrics_free(keeper->metrics);
    access_free(keeper->access);
    keys_free(keeper->keys);
    key_cache_free(keeper->key_cache);
    row_reader_free(keeper->row_reader);
    sets_free(keeper->sets);
    profiles_free(keeper->profiles);
    crls_free(keeper->crls);
    tls_certificates_free(keeper->tls_certificates);
    revocations_free(keeper->revocations);
    truth_free(keeper->truth);
    catalog_close(keeper->known);
    log_writer_free(keeper->writer);
    catalog_close(keeper->catalog);
    state_clear(keeper);
    channel_free(keeper->supervisor);
}

int keeper_main(struct ps_loop *loop, int supervisor_fd, const struct msg_keeper_config *config)
{
    struct process process = {
        .keeper = {.loop = loop, .config = config, .started_ns = ps_clock_mono_ns()}};
    enum ps_err err;

    keeper_init_peers(&process.keeper);
    err = make_process(&process, supervisor_fd);
    if (err == PS_OK) {
        err = ps_loop_run(loop);
    }
    if (err != PS_OK) {
        ps_line(PS_ERROR, "keeper_ended", PS_STR("detail", ps_detail()->text));
    }
    clear_process(&process);
    return err == PS_OK ? process.status : 1;
}
