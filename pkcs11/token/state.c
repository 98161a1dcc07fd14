#include "pkcs11/token/internal.h"

#include "lib/base/clock.h"
#include "lib/base/line.h"

static struct ps_bytes text(const char *value)
{
    return ps_bytes_str(value == NULL ? "" : value);
}

void token_announce(struct token *token)
{
    const struct token_description *description = &token->description;
    const struct msg_token_state message = {
        .state = (uint8_t)token->state,
        .generation = token->generation,
        .sessions = token->sessions_wanted == 0 ? 1 : token->sessions_open,
        .reconnects = token->reconnects,
        .reason = text(token->reason),
        .label = text(description->label),
        .serial = text(description->serial),
        .manufacturer = text(description->manufacturer),
        .model = text(description->model),
        .firmware = text(description->firmware),
        .profile = text(token->profile.id),
        .wrappable = token->profile.wrappable,
    };

    if (token->keeper == NULL) {
        return;
    }
    if (channel_send(token->keeper, &msg_token_state_info, 0, &message) != PS_OK) {
        ps_line(PS_WARNING, "state_not_sent", PS_STR("detail", ps_detail()->text));
    }
    channel_flush(token->keeper);
}

void token_set_state(struct token *token, enum token_state state, const char *reason)
{
    const bool same = token->state == state && token->reason == reason;

    token->state = state;
    token->reason = reason;
    if (same) {
        return;
    }
    token->state_since_ns = ps_clock_mono_ns();
    ps_line(state == TOKEN_ABSENT || state == TOKEN_WRONG_PIN || state == TOKEN_FOREIGN ? PS_WARNING
                                                                                        : PS_INFO,
            "token_state", PS_STR("state", token_state_name(state)),
            PS_TEXT("reason", text(reason)), PS_STR("serial", token->description.serial),
            PS_NUM("generation", token->generation), PS_NUM("attempts", token->attempts),
            PS_NUM("keys", keyring_count(token->ring)));
    token_announce(token);
}

void token_answer(struct token *token, const struct ipc_message *info, uint64_t id,
                  const void *message)
{
    if (token->keeper == NULL || channel_send(token->keeper, info, id, message) == PS_OK) {
        return;
    }
    /* A keeper that does not read its answers, or an answer that does not fit: it gets none. */
    ps_line(PS_ERROR, "answer_not_sent", PS_STR("message", info->name),
            PS_STR("detail", ps_detail()->text));
    if (info != &msg_problem_info) {
        token_answer_problem(token, id, PS_PROBLEM_INTERNAL, "the answer could not be sent");
    }
}

void token_answer_done(struct token *token, uint64_t id)
{
    const struct msg_token_done done = {.detail = ps_bytes(NULL, 0)};

    token_answer(token, &msg_token_done_info, id, &done);
}

void token_answer_problem(struct token *token, uint64_t id, enum ps_problem problem,
                          const char *detail)
{
    const struct msg_problem message = {
        .problem = (uint16_t)problem,
        .retry_after_s = ps_problem_wait_s(problem),
        .detail = text(detail),
        .state = text(token_state_name(token->state)),
    };

    token_answer(token, &msg_problem_info, id, &message);
}

void token_answer_unavailable(struct token *token, uint64_t id)
{
    if (token->stopping) {
        token_answer_problem(token, id, PS_PROBLEM_STOPPING, "the token process is stopping");
        return;
    }
    token_answer_problem(token, id, PS_PROBLEM_TOKEN_UNAVAILABLE,
                         token->reason == NULL ? "the token is not ready" : token->reason);
}

enum ps_problem token_problem_of(enum ps_err err)
{
    static const enum ps_problem problems[PS_E_COUNT] = {
        [PS_OK] = PS_PROBLEM_NONE,
        [PS_E_INPUT] = PS_PROBLEM_REFUSED,
        [PS_E_DENIED] = PS_PROBLEM_KEY_MISMATCH,
        [PS_E_NOT_FOUND] = PS_PROBLEM_NOT_FOUND,
        [PS_E_CONFLICT] = PS_PROBLEM_CONFLICT,
        [PS_E_STATE] = PS_PROBLEM_RECORD_DAMAGED,
        [PS_E_LIMIT] = PS_PROBLEM_TOKEN_UNAVAILABLE,
        [PS_E_BUSY] = PS_PROBLEM_TOKEN_UNAVAILABLE,
        [PS_E_TOKEN] = PS_PROBLEM_TOKEN_UNAVAILABLE,
        [PS_E_STORAGE] = PS_PROBLEM_TOKEN_UNAVAILABLE,
        [PS_E_NO_MEMORY] = PS_PROBLEM_TOKEN_UNAVAILABLE,
        [PS_E_INTERNAL] = PS_PROBLEM_INTERNAL,
    };

    return problems[err];
}
