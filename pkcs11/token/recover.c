#include "pkcs11/token/internal.h"

#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/line.h"
#include "pkcs11/module/store_copy.h"
#include "pkcs11/module/store_lock.h"

#include <unistd.h>

/*
 * How the token process comes to its token and back to it. A loss ends a generation: every session
 * and every handle is forgotten, what waits is refused at once, and when the last call has returned
 * the way is gone again from as far back as the loss demands: sessions, slot, module.
 */

enum { RELOAD_AFTER = 3, DOUBTFUL_LOOKS = 3 };

#define PROBE_NS      PS_NS_PER_S
#define FIRST_WAIT_NS (50 * PS_NS_PER_MS)
#define LONGEST_NS    PS_NS_PER_S
#define STEADY_NS     PS_NS_PER_S /* a state this old was no flicker: recovery begins at once */
#define LINE_NS       PS_NS_PER_S

/* How much longer than the keeper waits a call may take before this process ends itself. */
#define HUNG_FACTOR 2u

uint64_t token_look_limit_ms(const struct token *token)
{
    return (uint64_t)token->config->call_timeout_ms * HUNG_FACTOR;
}

bool token_is_idle(const struct token *token)
{
    return (token->users == NULL || worker_pool_pending(token->users) == 0) &&
           (token->admins == NULL || worker_pool_pending(token->admins) == 0);
}

static uint64_t wait_ns(const struct token *token)
{
    uint64_t wait = FIRST_WAIT_NS;

    if (token->attempts == 0) {
        return 0;
    }
    for (unsigned i = 1; i < token->attempts && wait < LONGEST_NS; i++) {
        wait *= 2;
    }
    return wait < LONGEST_NS ? wait : LONGEST_NS;
}

static void schedule(struct token *token)
{
    ps_timer_set_in(token->retry, wait_ns(token));
}

/* How far back: a session is less than the device, the device less than the module. */
static unsigned depth(enum fault_class class)
{
    return class == FAULT_RELOAD ? 3 : class == FAULT_GONE ? 2 : class == FAULT_NONE ? 0 : 1;
}

void token_lose(struct token *token, enum fault_class class, const char *reason)
{
    const uint64_t now = ps_clock_mono_ns();

    if (depth(class) > depth(token->lost)) {
        token->lost = class;
    }
    if (token->state == TOKEN_ABSENT || token->stopping) {
        return;
    }
    if (now - token->state_since_ns > STEADY_NS) {
        token->attempts = 0;
    }
    keyring_clear(token->ring);
    loaded_clear(token->loaded);
    token_set_state(token, TOKEN_ABSENT, reason);
    token_drop_uses(token);
    token_drop_admin(token);
    schedule(token);
}

static const char *reason_of(enum fault_class class)
{
    switch (class) {
    case FAULT_SESSION:
        return "session-lost";
    case FAULT_LOGIN:
        return "login-lost";
    case FAULT_RELOAD:
        return "module-failed";
    case FAULT_GONE:
        return "device-removed";
    case FAULT_NONE:
    case FAULT_CALLER:
    case FAULT_KEY:
    case FAULT_HANDLE:
    case FAULT_ACTIVE:
    case FAULT_PIN:
    case FAULT_BUSY:
    case FAULT_DOUBT:
    case FAULT_UNEXPLAINED:
    case FAULT_OURS:
    case FAULT_COUNT:
        break;
    }
    return "token-failing";
}

static void write_line(struct token *token, const struct fault *fault, uint64_t now)
{
    if (now - token->last_line_ns < LINE_NS && token->last_line_ns != 0) {
        return;
    }
    token->last_line_ns = now;
    ps_line(PS_WARNING, "call_failed",
            PS_STR("operation", recovery_operation_name(fault->operation)),
            PS_STR("answer", recovery_rv_name(fault->rv)), PS_NUM("rv", fault->rv),
            PS_STR("class", recovery_class_name(fault->class)));
}

static void write_aside(struct ps_bytes id)
{
    PS_BUF_AUTO hex = {.max = 2 * IPC_OBJECT_ID_MAX};

    ps_buf_put_hex(&hex, id);
    ps_line(PS_ERROR, "key_set_aside", PS_TEXT("object", ps_buf_bytes(&hex)),
            PS_NUM("failures", BREAKER_FAILURES));
}

void token_heed_fault(struct token *token, const struct fault *fault, struct ps_bytes id)
{
    const uint64_t now = ps_clock_mono_ns();

    if (recovery_is_loss(fault->class)) {
        write_line(token, fault, now);
        token_lose(token, fault->class, reason_of(fault->class));
        return;
    }
    if (fault->class != FAULT_UNEXPLAINED && fault->class != FAULT_ACTIVE) {
        return;
    }
    write_line(token, fault, now);
    switch (breaker_fail(&token->breaker, id, now)) {
    case BREAKER_GO_ON:
        break;
    case BREAKER_RELOAD:
        token_lose(token, FAULT_RELOAD, "token-failing");
        break;
    case BREAKER_SET_ASIDE:
        write_aside(id);
        break;
    }
}

static void close_sessions(struct token *token, bool tell)
{
    for (unsigned i = 0; i < token->sessions_open; i++) {
        session_close(&token->sessions[i], false);
    }
    token->sessions_open = 0;
    if (tell && token->control.is_open) {
        (void)token->control.fn->C_CloseAllSessions(token->control.slot);
    }
    session_close(&token->control, false);
}

/* False when this process cannot go on with the module at all. */
static bool stop_module(struct token *token)
{
    if (module_functions(token->module) == NULL) {
        return true;
    }
    if (token->profile.reload == PROFILE_RELOAD_EXIT) {
        ps_line(PS_WARNING, "module_needs_new_process", PS_NUM("attempts", token->attempts));
        token->exit_code = TOKEN_EXIT_RELOAD;
        ps_loop_stop(token->loop);
        return false;
    }
    libp11_unload(token->libp11);
    module_stop(token->module, token->profile.reload == PROFILE_RELOAD_UNLOAD);
    return true;
}

static bool must_reload(const struct token *token)
{
    return token->lost == FAULT_RELOAD || token->attempts > RELOAD_AFTER ||
           (token->lost == FAULT_GONE && token->profile.reload_when_gone) ||
           libp11_is_in_use(token->libp11);
}

static void failed(struct token *token, const char *reason)
{
    token->attempts++;
    token_set_state(token, TOKEN_ABSENT, reason);
    schedule(token);
}

/* At once, without another message or call: what was loaded may be anything. */
static PS_NORETURN void end_for_module(void)
{
    ps_line(PS_WARNING, "module_is_another", PS_STR("detail", ps_detail()->text));
    _exit(TOKEN_EXIT_MODULE);
}

/* Back to a module that is started. False: it is not, the reason is told. */
static bool bring_up_module(struct token *token)
{
    struct fault fault;
    enum ps_err err;

    if (must_reload(token) && !stop_module(token)) {
        return false;
    }
    if (module_functions(token->module) != NULL) {
        return true;
    }
    err = module_start(token->module, &token->profile, &fault);
    if (err == PS_OK) {
        return true;
    }
    if (err == PS_E_CONFLICT) {
        end_for_module();
    }
    ps_line(token->attempts == 0 ? PS_WARNING : PS_DEBUG, "module_not_started",
            PS_STR("detail", ps_detail()->text), PS_NUM("rv", fault.rv));
    module_stop(token->module, false);
    token->lost = FAULT_RELOAD;
    failed(token, err == PS_E_STATE ? "profile-mismatch" : "module-failed");
    return false;
}

static const char *slot_reason(const struct slot_choice *choice, const struct fault *fault)
{
    switch (choice->found) {
    case SLOT_SEVERAL:
        return "several-tokens";
    case SLOT_FOREIGN:
        return "profile-mismatch";
    case SLOT_NONE:
    case SLOT_BLANK:
    case SLOT_HALF_MADE:
    case SLOT_TOKEN:
        break;
    }
    return fault->class == FAULT_NONE ? "no-token" : "token-unreadable";
}

/* After the token of this process was seen once, a blank one is not it. */
static bool find_slot(struct token *token, struct slot_choice *choice)
{
    const bool blank_ok = token->expected_serial[0] == 0;
    struct fault fault = {.class = FAULT_NONE};

    if (slot_find(module_functions(token->module), &token->profile, token->uri, blank_ok, &fault,
                  choice) != PS_OK) {
        token->lost = depth(fault.class) > depth(FAULT_GONE) ? fault.class : FAULT_GONE;
        failed(token, "token-unreadable");
        return false;
    }
    if (choice->found == SLOT_BLANK || choice->found == SLOT_HALF_MADE ||
        choice->found == SLOT_TOKEN) {
        return true;
    }
    token->lost = FAULT_GONE;
    failed(token, slot_reason(choice, &fault));
    return false;
}

/*
 * What another process writes to a soft token may be read half-way, so that it looks blank or like
 * another token. It takes several looks in a row to believe it.
 */
static void believe(struct token *token, enum token_state state, const char *reason)
{
    if (token->state == state || ++token->doubtful >= DOUBTFUL_LOOKS) {
        token->doubtful = 0;
        token->lost = FAULT_NONE;
        token_set_state(token, state, reason);
        return;
    }
    token->lost = FAULT_GONE;
    failed(token, reason);
}

static void settle(struct token *token)
{
    const char *serial = token->description.serial;

    if (token->expected_serial[0] != 0 && strcmp(token->expected_serial, serial) != 0) {
        believe(token, TOKEN_FOREIGN, "serial-changed");
        return;
    }
    token->doubtful = 0;
    token->lost = FAULT_NONE;
    if (token->pin_refused) {
        token_set_state(token, TOKEN_WRONG_PIN, token->pin_reason);
    } else {
        token_set_state(token, TOKEN_NEEDS_LOGIN, NULL);
    }
}

static void open_control(struct token *token, const struct slot_choice *choice)
{
    token->description = choice->token;
    token->control = (struct session){
        .fn = module_functions(token->module),
        .profile = &token->profile,
        .store = token->config->sync_directory,
        .slot = choice->slot,
    };
    if (choice->found != SLOT_TOKEN) {
        believe(token, TOKEN_BLANK,
                choice->found == SLOT_BLANK ? "not-initialised" : "pin-not-set");
        return;
    }
    if (session_open(&token->control) != PS_OK) {
        const enum fault_class class = token->control.fault.class;

        token->lost = recovery_is_loss(class) ? class : FAULT_SESSION;
        failed(token, "no-session");
        return;
    }
    settle(token);
}

static void mend_store(const struct token *token)
{
    if (store_copy_mend(token->config->sync_directory, token->profile.rewritten_file.text) !=
        PS_OK) {
        ps_line(PS_WARNING, "store_not_mended", PS_STR("detail", ps_detail()->text));
    }
}

static void open_anew(struct token *token)
{
    PS_CLEANUP(store_lock_drop)
    PS_UNUSED const int lock = store_lock_take(token->config->sync_directory, false);
    struct slot_choice choice;

    watchdog_begin(token->profile.start_timeout_ms);
    close_sessions(token, !must_reload(token));
    if (bring_up_module(token) && find_slot(token, &choice)) {
        open_control(token, &choice);
    }
    watchdog_end();
}

/* Mended first: a module may read the token's files when it starts, and not again. */
static void try_open(struct token *token)
{
    mend_store(token);
    open_anew(token);
}

static void on_retry(void *context)
{
    struct token *token = context;

    /* Calls of the old generation may still be under way; the last of them sets this timer. */
    if (!token->stopping && token_is_idle(token)) {
        try_open(token);
    }
}

void token_work_is_done(struct token *token)
{
    if (!token_is_idle(token)) {
        return;
    }
    if (token->stopping) {
        ps_loop_stop(token->loop);
    } else if (token->lost != FAULT_NONE && token->state == TOKEN_ABSENT) {
        schedule(token);
    }
}

/* In states in which nothing is asked of the token. */
static void look(struct token *token)
{
    const struct ps_bytes serial = ps_bytes_str(token->description.serial);

    watchdog_begin(token_look_limit_ms(token));
    if (session_check(&token->control, false, serial) != PS_OK) {
        token_heed_fault(token, &token->control.fault, ps_bytes(NULL, 0));
    }
    watchdog_end();
}

/* Somebody else may have initialised it, or put another in its place. */
static void look_at_blank(struct token *token)
{
    token->lost = token->profile.reload_when_gone ? FAULT_RELOAD : FAULT_GONE;
    try_open(token);
}

static void on_probe(void *context)
{
    struct token *token = context;

    ps_timer_set_in(token->probe, PROBE_NS);
    if (token->stopping || (token->state != TOKEN_READY && !token_is_idle(token))) {
        return;
    }
    switch (token->state) {
    case TOKEN_READY:
        if (ps_clock_mono_ns() - token->last_good_ns >= PROBE_NS) {
            token_probe(token);
        }
        break;
    case TOKEN_NEEDS_LOGIN:
    case TOKEN_WRONG_PIN:
    case TOKEN_FOREIGN:
        look(token);
        break;
    case TOKEN_BLANK:
        look_at_blank(token);
        break;
    case TOKEN_STARTING:
    case TOKEN_ABSENT:
        break;
    }
}

/* Without a URI any blank token was right; from now on it is the one that was made of it. */
void token_adopt_made(struct token *token, struct ps_bytes label)
{
    struct token_uri *uri = NULL;
    PS_BUF_AUTO text = {.max = 256};

    if (token->config->uri.len != 0) {
        return;
    }
    ps_buf_put_str(&text, "pkcs11:token=");
    for (size_t i = 0; i < label.len; i++) {
        ps_buf_printf(&text, "%%%02X", label.data[i]);
    }
    if (ps_buf_status(&text) == PS_OK && token_uri_parse(ps_buf_bytes(&text), &uri) == PS_OK) {
        token_uri_free(token->uri);
        token->uri = uri;
    }
}

void token_shut_down(struct token *token)
{
    if (!token_is_idle(token) || token->profile.reload == PROFILE_RELOAD_EXIT) {
        return;
    }
    watchdog_begin(token->profile.start_timeout_ms);
    close_sessions(token, true);
    libp11_unload(token->libp11);
    module_stop(token->module, false);
    watchdog_end();
}

enum ps_err token_init_recovery(struct token *token)
{
    PS_TRY(ps_timer_new(token->loop, on_retry, token, &token->retry));
    PS_TRY(ps_timer_new(token->loop, on_probe, token, &token->probe));
    token->lost = FAULT_RELOAD;
    return PS_OK;
}
