#include "keystore/state/lock.h"

#include "keystore/custody/custody.h"
#include "keystore/events/anchor.h"
#include "keystore/load.h"
#include "keystore/state/state.h"
#include "keystore/writer.h"
#include "lib/base/encode.h"

/* Seconds that the anchor gets to have the lock in it, before the tokens are logged out. */
#define ANCHOR_TRIES 3u

bool lock_configuration_is_approved(const struct keeper *keeper)
{
    return ps_bytes_equal(keeper->config->configuration,
                          ps_bytes(keeper->appliance.configuration, PS_SHA256_LEN));
}

bool lock_is_on(const struct keeper *keeper)
{
    return keeper->appliance.exists && (keeper->appliance.is_locked || keeper->lock.is_held ||
                                        !lock_configuration_is_approved(keeper));
}

void lock_hold(struct keeper *keeper, bool is_held)
{
    keeper->lock.is_held = is_held;
    lock_look(keeper);
    state_look(keeper);
}

static void tell_supervisor(struct keeper *keeper, bool are_wanted)
{
    const struct msg_pins message = {.are_wanted = are_wanted};

    if (channel_send(keeper->supervisor, &msg_pins_info, 0, &message) != PS_OK) {
        ps_line(PS_ERROR, "supervisor_not_told", PS_STR("detail", ps_detail()->text));
    }
}

static void say_why(const struct keeper *keeper)
{
    PS_BUF_AUTO approved = {.max = 2 * PS_SHA256_LEN};
    PS_BUF_AUTO present = {.max = 2 * PS_SHA256_LEN};

    if (lock_configuration_is_approved(keeper)) {
        ps_line(PS_WARNING, "locked", PS_STR("reason", "officers"));
        return;
    }
    ps_buf_put_hex(&approved, ps_bytes(keeper->appliance.configuration, PS_SHA256_LEN));
    ps_buf_put_hex(&present, keeper->config->configuration);
    ps_line(PS_ERROR, "locked", PS_STR("reason", "configuration"),
            PS_TEXT("present", ps_buf_bytes(&present)),
            PS_TEXT("approved", ps_buf_bytes(&approved)));
}

static void shut(struct keeper *keeper)
{
    struct token *token;

    keeper->lock.is_shut = true;
    say_why(keeper);
    for (size_t i = 0; (token = tokens_at(keeper->tokens, i)) != NULL; i++) {
        tokens_shut(token, true);
        custody_forget_so_pin(keeper->custody, token);
        custody_forget_next(keeper->custody, token);
    }
    tell_supervisor(keeper, false);
    state_look(keeper);
}

static void open_again(struct keeper *keeper)
{
    struct token *token;

    keeper->lock.is_shut = false;
    ps_line_write(PS_WARNING, "unlocked", NULL, 0);
    for (size_t i = 0; (token = tokens_at(keeper->tokens, i)) != NULL; i++) {
        tokens_shut(token, false);
    }
    load_approve_tokens(keeper);
    tell_supervisor(keeper, true);
    state_look(keeper);
}

static void on_anchor(void *context, bool is_written)
{
    struct keeper *keeper = context;

    if (is_written) {
        keeper->lock.anchor_tries = ANCHOR_TRIES;
    }
    if (lock_is_on(keeper) && !keeper->lock.is_shut && keeper->lock.anchor_tries >= ANCHOR_TRIES) {
        shut(keeper);
    }
}

/*
 * A log that is put back to before the lock has to be noticed: the token that is about to be left
 * learns first how long the log is now.
 */
static bool is_in_anchor(struct keeper *keeper)
{
    const struct token *token = keeper_main_token(keeper);

    return keeper->lock.anchor_tries >= ANCHOR_TRIES || token == NULL || !tokens_is_ready(token) ||
           !anchor_is_checked(keeper->anchor);
}

void lock_look(struct keeper *keeper)
{
    const bool is_on = lock_is_on(keeper);

    /* While a start goes through what the log has at its end, nothing follows of it. */
    if (!keeper->started) {
        return;
    }
    if (!is_on) {
        keeper->lock.anchor_tries = 0; /* the next lock is to be in the anchor, too */
    }
    if (is_on == keeper->lock.is_shut || (is_on && keeper->lock.is_held)) {
        return;
    }
    if (!is_on) {
        open_again(keeper);
    } else if (is_in_anchor(keeper)) {
        shut(keeper);
    } else {
        keeper->lock.anchor_tries++;
        anchor_write(keeper->anchor, on_anchor, keeper);
    }
}

static void put_reason(const char *code, const char *detail, struct writer *out)
{
    writer_begin_object(out, NULL);
    writer_str(out, "code", code);
    writer_str(out, "detail", detail);
    writer_end_object(out);
}

void lock_put_reasons(const struct keeper *keeper, struct writer *out)
{
    if (!keeper->appliance.exists) {
        return;
    }
    if (keeper->appliance.is_locked || keeper->lock.is_held) {
        put_reason("officers",
                   "officers locked it; an operation `appliance.unlock` that they approve unlocks "
                   "it, and the PINs are then read again from where the configuration says",
                   out);
    }
    if (!lock_configuration_is_approved(keeper)) {
        put_reason("configuration",
                   "the security section of the configuration is not the approved one: put it "
                   "back, or approve it with an operation `configuration.approve`",
                   out);
    }
}

void lock_put_configuration(const struct keeper *keeper, struct writer *out)
{
    writer_begin_object(out, "configuration");
    writer_hex(out, "approved", ps_bytes(keeper->appliance.configuration, PS_SHA256_LEN));
    writer_hex(out, "present", keeper->config->configuration);
    writer_end_object(out);
}
