#include "pkcs11/token/internal.h"

#include "lib/base/clock.h"
#include "lib/base/line.h"

/*
 * The login: one try per PIN that the keeper sends. What came of it decides whether the next PIN is
 * waited for (needs-login) or a person (wrong-pin).
 */

enum { LOGIN_TRIES = 3 };

static const char *pin_reason(CK_RV rv)
{
    static const struct {
        CK_RV rv;
        const char *reason;
    } reasons[] = {
        {CKR_PIN_LOCKED, "pin-locked"},
        {CKR_PIN_EXPIRED, "pin-expired"},
    };

    for (size_t i = 0; i < PS_COUNT_OF(reasons); i++) {
        if (reasons[i].rv == rv) {
            return reasons[i].reason;
        }
    }
    return "wrong-pin";
}

static void refuse_pin(struct token *token, uint64_t id, const char *reason)
{
    token->pin_refused = true;
    token->pin_reason = reason;
    token_set_state(token, TOKEN_WRONG_PIN, reason);
    token_answer_problem(token, id, PS_PROBLEM_REFUSED, "the token does not take this PIN");
}

/*
 * Why a login failed is not always told. It is tried again, after a fresh start of the module, but
 * not for ever: each try may be one of the few a token allows.
 */
static void login_failed(struct token *token, uint64_t id)
{
    struct session *session = &token->control;
    const struct fault fault = session->fault;

    if (fault.class == FAULT_UNEXPLAINED || fault.class == FAULT_OURS) {
        const struct ps_bytes serial = ps_bytes_str(token->description.serial);

        /* A token that is well has refused the login for a reason of its own. */
        if (session_check(session, false, serial) == PS_OK) {
            session->fault = fault;
        }
    }
    if (session->fault.class == FAULT_PIN) {
        refuse_pin(token, id, pin_reason(session->fault.rv));
        return;
    }
    if (recovery_is_loss(session->fault.class)) {
        token_heed_fault(token, &session->fault, ps_bytes(NULL, 0));
    } else if (session->fault.class == FAULT_BUSY) {
        token_lose(token, FAULT_SESSION, "login-busy");
    } else if (++token->login_failures < LOGIN_TRIES) {
        token_lose(token, FAULT_RELOAD, "login-failed");
    } else {
        token->login_failures = 0;
        refuse_pin(token, id,
                   session->fault.rv == CKR_USER_PIN_NOT_INITIALIZED ? "pin-not-set"
                                                                     : "login-failed");
        return;
    }
    token_answer_unavailable(token, id);
}

/* As many as the token gives, up to what was configured; one at least. */
static enum ps_err open_sessions(struct token *token)
{
    for (unsigned i = 0; i < token->sessions_wanted; i++) {
        struct session *session = &token->sessions[i];
        enum ps_err err;

        *session = token->control;
        session->is_open = false;
        err = session_open(session);
        if (err == PS_E_BUSY && i > 0) {
            break;
        }
        if (err != PS_OK) {
            token->control.fault = session->fault;
            return err;
        }
        token->sessions_open = i + 1;
    }
    return PS_OK;
}

/* One thread per session, no more: a session serves one at a time. */
static enum ps_err start_threads(struct token *token)
{
    if (token->sessions_wanted == 0) {
        return PS_OK;
    }
    if (token->admins == NULL) {
        PS_TRY(worker_pool_new(token->loop, 1, token_run_admin, token_admin_done, token,
                               &token->admins));
    }
    if (token->users != NULL && token->threads == token->sessions_open) {
        return PS_OK;
    }
    worker_pool_free(token->users);
    token->users = NULL;
    PS_TRY(worker_pool_new(token->loop, token->sessions_open, token_run_use, token_use_done, token,
                           &token->users));
    token->threads = token->sessions_open;
    return PS_OK;
}

static enum ps_err become_ready(struct token *token)
{
    const uint64_t began = ps_clock_mono_ns();

    PS_TRY(open_sessions(token));
    PS_TRY(start_threads(token));
    PS_TRY(keyring_enumerate(token->ring, &token->control));
    token->generation++;
    token->reconnects += token->generation > 1 ? 1 : 0;
    token->last_good_ns = ps_clock_mono_ns();
    breaker_succeed(&token->breaker);
    ps_line(PS_INFO, "keys_enumerated", PS_NUM("keys", keyring_count(token->ring)),
            PS_NUM("micros", (token->last_good_ns - began) / PS_NS_PER_US));
    token_set_state(token, TOKEN_READY, NULL);
    return PS_OK;
}

static void log_in(struct token *token, uint64_t id, const struct msg_token_login *message)
{
    struct session *session = &token->control;
    enum ps_err err;

    session->fault = (struct fault){.class = FAULT_NONE};
    err = session_check(session, false, ps_bytes_str(token->description.serial));
    if (err == PS_OK) {
        err = session_login(session, message->pin);
    }
    if (err != PS_OK) {
        login_failed(token, id);
        return;
    }
    token->pin_refused = false;
    token->login_failures = 0;
    session->fault = (struct fault){.class = FAULT_NONE};
    if (become_ready(token) != PS_OK) {
        ps_line(PS_WARNING, "not_ready_after_login", PS_STR("detail", ps_detail()->text));
        token_lose(token,
                   recovery_is_loss(session->fault.class) ? session->fault.class : FAULT_SESSION,
                   session->fault.class == FAULT_BUSY ? "too-few-sessions" : "enumeration-failed");
        token_answer_unavailable(token, id);
        return;
    }
    token_answer_done(token, id);
}

static bool names_other_token(struct token *token, const struct msg_token_login *message)
{
    return message->serial.len != 0 &&
           !ps_bytes_equal_str(message->serial, token->description.serial);
}

static void expect_serial(struct token *token, struct ps_bytes serial)
{
    const size_t len = serial.len < sizeof token->expected_serial - 1
                           ? serial.len
                           : sizeof token->expected_serial - 1;

    if (len != 0) {
        memcpy(token->expected_serial, serial.data, len);
    }
    token->expected_serial[len] = 0;
}

static void try_login(struct token *token, uint64_t id, const struct msg_token_login *message)
{
    if (token->state == TOKEN_READY && !names_other_token(token, message)) {
        token_answer_done(token, id);
        return;
    }
    if (token->state == TOKEN_READY) {
        token_answer_problem(token, id, PS_PROBLEM_WRONG_STATE,
                             "the token has another serial number");
        return;
    }
    if (token->stopping || !token_is_idle(token) ||
        (token->state != TOKEN_NEEDS_LOGIN && token->state != TOKEN_WRONG_PIN &&
         token->state != TOKEN_FOREIGN)) {
        token_answer_unavailable(token, id);
        return;
    }
    if (names_other_token(token, message)) {
        if (session_check(&token->control, false, message->serial) == PS_OK) {
            /* What was read of the token before was wrong. */
            token_lose(token, FAULT_GONE, "token-unreadable");
            token_answer_unavailable(token, id);
            return;
        }
        token_set_state(token, TOKEN_FOREIGN, "serial-changed");
        token_answer_problem(token, id, PS_PROBLEM_WRONG_STATE,
                             "the token has another serial number");
        return;
    }
    expect_serial(token, message->serial);
    watchdog_begin(token->profile.start_timeout_ms);
    log_in(token, id, message);
    watchdog_end();
}

void token_login(struct token *token, uint64_t id, const struct msg_token_login *message)
{
    try_login(token, id, message);
    /* The message lies in the channel's buffer, which lives on. */
    if (message->pin.len != 0) {
        ps_wipe((void *)(uintptr_t)message->pin.data, message->pin.len);
    }
}

/*
 * PKCS#11 v3.1 section 5.6.4 (C_CloseAllSessions): "when a session is closed, ... if this was the
 * last session of the application with the token, it is logged out". What waits is refused, what a
 * thread is in the middle of ends first.
 */
void token_logout(struct token *token, uint64_t id)
{
    if (token->state == TOKEN_READY) {
        token_lose(token, FAULT_SESSION, "logged-out");
    }
    token_answer_done(token, id);
}
