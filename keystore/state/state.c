#include "keystore/state/state.h"

#include "keystore/backup/restored.h"
#include "keystore/custody/custody.h"
#include "keystore/events/anchor.h"
#include "keystore/operations/operations.h"
#include "keystore/state/lock.h"
#include "keystore/tokens/approval.h"
#include "keystore/writer.h"

#include <stdio.h>

struct reason_info {
    const char *code;
    bool stops_changes; /* all stop signing */
};

static const struct reason_info reasons[REASON_COUNT] = {
    [REASON_CATALOG_DIFFERS] = {"catalog-differs", true},
    [REASON_CATALOG_GONE] = {"catalog-gone", true},
    [REASON_LOG_DAMAGED] = {"log-damaged", true},
    [REASON_LOG_FAILED] = {"log-failed", true},
    [REASON_DISK_FULL] = {"disk-full", true},
    [REASON_ANCHOR] = {"anchor", true},
    [REASON_CHECKPOINT_LATE] = {"checkpoint-late", false},
};

static void on_tell(void *context);

enum ps_err state_init(struct keeper *keeper)
{
    ps_buf_init(&keeper->state.ready, 16 * 1024);
    return ps_defer_new(keeper->loop, on_tell, keeper, &keeper->state.tell);
}

void state_clear(struct keeper *keeper)
{
    ps_defer_free(keeper->state.tell);
    keeper->state.tell = NULL;
    ps_buf_clear(&keeper->state.ready);
}

void state_raise(struct keeper *keeper, enum reason reason, const char *detail)
{
    struct state *state = &keeper->state;

    (void)snprintf(state->detail[reason], sizeof state->detail[reason], "%s", detail);
    if (!state->is_set[reason]) {
        state->is_set[reason] = true;
        ps_line(PS_ERROR, "failed", PS_STR("reason", reasons[reason].code),
                PS_STR("detail", state->detail[reason]));
    }
    state_look(keeper);
}

void state_lower(struct keeper *keeper, enum reason reason)
{
    if (keeper->state.is_set[reason]) {
        keeper->state.is_set[reason] = false;
        ps_line(PS_INFO, "recovered", PS_STR("reason", reasons[reason].code));
        state_look(keeper);
    }
}

static bool any_reason(const struct keeper *keeper)
{
    for (size_t i = 0; i < REASON_COUNT; i++) {
        if (keeper->state.is_set[i]) {
            return true;
        }
    }
    return false;
}

bool state_is_practice(const struct keeper *keeper)
{
    return keeper->appliance.exists ? keeper->appliance.is_practice : keeper->config->practice != 0;
}

enum appliance_state state_now(const struct keeper *keeper)
{
    const struct token *token;
    const struct token *main_token = keeper_main_token(keeper);
    bool away = main_token == NULL || !tokens_is_ready(main_token);
    bool locked = lock_is_on(keeper) || restored_waits(keeper->restored);

    if (any_reason(keeper)) {
        return APPLIANCE_FAILED;
    }
    if (!keeper->started) {
        return APPLIANCE_STARTING;
    }
    if (!keeper->appliance.exists) {
        return APPLIANCE_UNINITIALISED;
    }
    for (size_t i = 0; (token = tokens_at(keeper->tokens, i)) != NULL; i++) {
        /* One that nobody has taken in yet, or that was let go, is none of ours. */
        away = away || (tokens_is_approved(token) && !tokens_is_ready(token));
        locked = locked || custody_waits(keeper->custody, token);
    }
    if (locked) {
        return APPLIANCE_LOCKED;
    }
    if (!away &&
        (!anchor_is_checked(keeper->anchor) || operations_is_proving(keeper->operations))) {
        return APPLIANCE_STARTING;
    }
    return away ? APPLIANCE_DEGRADED : APPLIANCE_OPERATIONAL;
}

static bool any_token_ready(const struct keeper *keeper)
{
    const struct token *token;

    for (size_t i = 0; (token = tokens_at(keeper->tokens, i)) != NULL; i++) {
        if (tokens_is_ready(token)) {
            return true;
        }
    }
    return false;
}

uint16_t state_ready_status(const struct keeper *keeper)
{
    const enum appliance_state state = state_now(keeper);
    const bool serves =
        state == APPLIANCE_OPERATIONAL || (state == APPLIANCE_DEGRADED && any_token_ready(keeper) &&
                                           anchor_is_checked(keeper->anchor));

    return serves && !keeper->stopping ? 200 : 503;
}

static enum ps_problem refuses_use(const struct keeper *keeper)
{
    if (keeper->stopping) {
        return PS_PROBLEM_STOPPING;
    }
    if (any_reason(keeper)) {
        return PS_PROBLEM_LOG_UNAVAILABLE;
    }
    if (!keeper->started) {
        return PS_PROBLEM_KEEPER_UNAVAILABLE;
    }
    if (!keeper->appliance.exists) {
        return PS_PROBLEM_UNINITIALISED;
    }
    return lock_is_on(keeper) || restored_waits(keeper->restored) ? PS_PROBLEM_WRONG_STATE
                                                                  : PS_PROBLEM_NONE;
}

bool state_allows_use(const struct keeper *keeper, struct problem_answer *ret_refusal)
{
    const enum ps_problem problem = refuses_use(keeper);

    if (problem == PS_PROBLEM_NONE) {
        return true;
    }
    *ret_refusal = (struct problem_answer){.problem = problem};
    if (problem == PS_PROBLEM_WRONG_STATE) {
        ret_refusal->state = appliance_state_name(APPLIANCE_LOCKED);
        ret_refusal->detail = STATE_LOCKED_TEXT;
    }
    return false;
}

bool state_allows_release(const struct keeper *keeper, struct problem_answer *ret_refusal)
{
    return state_allows_use(keeper, ret_refusal) || ret_refusal->problem == PS_PROBLEM_STOPPING;
}

enum ps_problem state_refuses_change(const struct keeper *keeper)
{
    if (keeper->stopping) {
        return PS_PROBLEM_STOPPING;
    }
    for (size_t i = 0; i < REASON_COUNT; i++) {
        if (keeper->state.is_set[i] && reasons[i].stops_changes) {
            return PS_PROBLEM_LOG_UNAVAILABLE;
        }
    }
    return keeper->started ? PS_PROBLEM_NONE : PS_PROBLEM_KEEPER_UNAVAILABLE;
}

/* One that works is enough; the reason is that of the first that does not. */
static void put_token(const struct token *token, struct writer *out)
{
    struct token_view view;

    writer_begin_object(out, NULL);
    writer_text(out, "token", tokens_name(token));
    writer_str(out, "state", token_state_name(tokens_state(token)));
    for (size_t i = 0; tokens_view(token, i, &view); i++) {
        if (view.state != TOKEN_READY && view.reason.len != 0) {
            writer_text(out, "reason", view.reason);
            break;
        }
    }
    writer_end_object(out);
}

void state_put_state(const struct keeper *keeper, struct writer *out)
{
    const struct token *token;

    writer_str(out, "state", appliance_state_name(state_now(keeper)));
    writer_begin_array(out, "reasons");
    for (size_t i = 0; i < REASON_COUNT; i++) {
        if (keeper->state.is_set[i]) {
            writer_begin_object(out, NULL);
            writer_str(out, "code", reasons[i].code);
            writer_str(out, "detail", keeper->state.detail[i]);
            writer_end_object(out);
        }
    }
    lock_put_reasons(keeper, out);
    restored_put_reason(keeper->restored, out);
    for (size_t i = 0; keeper->started && (token = tokens_at(keeper->tokens, i)) != NULL; i++) {
        if (!lock_is_on(keeper) && custody_waits(keeper->custody, token)) {
            custody_put_reason(keeper->custody, token, out);
        }
    }
    writer_end_array(out);
}

void state_put_ready(const struct keeper *keeper, struct ps_buf *out)
{
    struct writer json = writer(out);
    const struct token *token;

    writer_begin_object(&json, NULL);
    writer_bool(&json, "ready", state_ready_status(keeper) == 200);
    state_put_state(keeper, &json);
    writer_begin_array(&json, "tokens");
    for (size_t i = 0; (token = tokens_at(keeper->tokens, i)) != NULL; i++) {
        put_token(token, &json);
    }
    writer_end_array(&json);
    writer_end_object(&json);
}

void state_tell(struct keeper *keeper, struct api_peer *peer)
{
    const struct msg_appliance_state notice = {.state = (uint8_t)keeper->state.shown,
                                               .ready = ps_buf_bytes(&keeper->state.ready)};

    if (peer->channel == NULL || notice.ready.len == 0) {
        return;
    }
    if (channel_send(peer->channel, &msg_appliance_state_info, 0, &notice) != PS_OK) {
        ps_line(PS_WARNING, "state_not_told", PS_STR("detail", ps_detail()->text));
    }
}

void state_look(struct keeper *keeper)
{
    ps_defer_arm(keeper->state.tell);
    custody_look(keeper->custody);
}

static void say_status(struct keeper *keeper)
{
    char text[64];
    const int len = snprintf(text, sizeof text, "%s", appliance_state_name(keeper->state.shown));
    const struct msg_ready ready = {.status = ps_bytes(text, (size_t)len)};

    /* Ready is who serves, were it only to say what is wrong. */
    if (keeper->was_told_to_start && keeper->state.shown != APPLIANCE_STARTING &&
        channel_send(keeper->supervisor, &msg_ready_info, 0, &ready) != PS_OK) {
        ps_line(PS_WARNING, "supervisor_not_told", PS_STR("detail", ps_detail()->text));
    }
}

void state_tell_changes(struct keeper *keeper)
{
    const enum appliance_state now = state_now(keeper);
    PS_BUF_AUTO body;

    ps_buf_init(&body, 16 * 1024);
    state_put_ready(keeper, &body);
    if (ps_buf_status(&body) != PS_OK ||
        ps_bytes_equal(ps_buf_bytes(&body), ps_buf_bytes(&keeper->state.ready))) {
        return;
    }
    if (now != keeper->state.shown || keeper->state.ready.len == 0) {
        ps_line(PS_INFO, "state", PS_STR("state", appliance_state_name(now)));
    }
    keeper->state.shown = now;
    ps_buf_reset(&keeper->state.ready);
    ps_buf_put(&keeper->state.ready, ps_buf_bytes(&body));
    say_status(keeper);
    state_tell(keeper, &keeper->clients);
    state_tell(keeper, &keeper->management);
}

static void on_tell(void *context)
{
    state_tell_changes(context);
}
