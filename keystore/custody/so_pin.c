#include "keystore/custody/internal.h"

#include "keystore/custody/refused_pins.h"
#include "lib/base/clock.h"

#include <stdio.h>

/*
 * The security officer's PIN. Where it is split it comes from its holders, for one operation that
 * waits for it, and is forgotten with that: the supervisor never hears of it.
 */

/* An operation may wait for people for a day: its holders are asked once more then. */
#define RELEASE_NS (15 * 60 * PS_NS_PER_S)

static bool is_split(const struct keeper *keeper, const struct token *token)
{
    PIN_ROW_AUTO row = {.parser = NULL};

    return pin_row_read_some(keeper, tokens_name(token), SHARE_PIN_SO, &row) == PS_OK;
}

/* PS_OK: it is, and comes from its holders; PS_E_NOT_FOUND: it comes from the configuration. */
static enum ps_err find_splitting(const struct custody *custody, struct ps_bytes name)
{
    const struct token *token = tokens_find(custody->keeper->tokens, name);
    PIN_ROW_AUTO row = {.parser = NULL};

    if (token == NULL || !custody_is_attended(custody, token)) {
        return PS_E_NOT_FOUND;
    }
    return pin_row_read(custody->keeper, name, SHARE_PIN_SO, false, &row);
}

bool custody_takes_so_pin(const struct custody *custody, struct ps_bytes name)
{
    return find_splitting(custody, name) == PS_E_NOT_FOUND;
}

void custody_forget_so_pin(struct custody *custody, struct token *token)
{
    struct custody_token *known = custody_token_find(custody, tokens_name(token));

    if (known != NULL) {
        known->so_until_ns = 0;
    }
    if (tokens_set_pin(custody->keeper->tokens, tokens_name(token), ps_bytes(NULL, 0), true) !=
        PS_OK) {
        ps_line(PS_ERROR, "so_pin_not_forgotten", PS_TEXT("token", tokens_name(token)));
    }
}

void custody_forget_released_so_pin(struct custody *custody, struct token *token)
{
    const struct custody_token *known = custody_token_of(custody, token);

    if (known != NULL && known->so_until_ns != 0) {
        custody_forget_so_pin(custody, token);
    }
}

static bool is_configured(const struct custody *custody, const struct token *token)
{
    const struct custody_token *known = custody_token_of(custody, token);

    return tokens_so_pin(token).len != 0 && (known == NULL || known->so_until_ns == 0);
}

static void forget_if_split(struct custody *custody, struct token *token)
{
    if (is_configured(custody, token) && find_splitting(custody, tokens_name(token)) == PS_OK) {
        custody_forget_so_pin(custody, token);
    }
}

/* Also one that is not the token's any more, where only a change that was left is of another. */
void custody_judge_so_pin(struct custody *custody, struct token *token)
{
    forget_if_split(custody, token);
    if (is_configured(custody, token) && custody_is_attended(custody, token) &&
        is_split(custody->keeper, token) && keeper_so_pin_was_refused(custody->keeper, token)) {
        custody_forget_so_pin(custody, token);
    }
}

enum ps_err custody_use_so_pin(struct custody *custody, struct token *token, const char *operation,
                               struct ps_bytes pin)
{
    struct custody_token *known = custody_token_find(custody, tokens_name(token));

    if (known == NULL || custody->keeper->lock.is_shut) {
        return ps_fail(PS_E_STATE, 0, "it is locked: no PIN is used or kept");
    }
    PS_TRY(tokens_set_pin(custody->keeper->tokens, tokens_name(token), pin, true));
    known->so_until_ns = ps_clock_mono_ns() + RELEASE_NS;
    (void)snprintf(known->so_operation, sizeof known->so_operation, "%s", operation);
    return PS_OK;
}

bool custody_can_gather_so_pin(const struct keeper *keeper, const struct token *token)
{
    return tokens_so_pin(token).len == 0 && is_split(keeper, token);
}

bool custody_so_pin_is_for(const struct custody *custody, const struct token *token,
                           const char *operation)
{
    const struct custody_token *known = custody_token_of(custody, token);

    return known == NULL || known->so_until_ns == 0 || strcmp(known->so_operation, operation) == 0;
}

void custody_look_so(struct custody *custody)
{
    struct token *token;

    for (size_t i = 0; (token = tokens_at(custody->keeper->tokens, i)) != NULL; i++) {
        const struct custody_token *known = custody_token_of(custody, token);

        if (known != NULL && known->so_until_ns != 0 &&
            (ps_clock_mono_ns() > known->so_until_ns ||
             !custody_wants_so_pin_for(custody, token, known->so_operation))) {
            custody_forget_so_pin(custody, token);
        }
        forget_if_split(custody, token); /* just now */
    }
}

bool custody_has_next_so_pin(const struct keeper *keeper, const struct token *token)
{
    PIN_ROW_AUTO row = {.parser = NULL};

    return tokens_so_pin(token).len != 0 &&
           pin_row_read(keeper, tokens_name(token), SHARE_PIN_SO, true, &row) == PS_OK &&
           pin_row_is_of(&row, tokens_so_pin(token));
}

const char *custody_why_no_so_pin(const struct keeper *keeper, const struct token *token)
{
    PIN_ROW_AUTO row = {.parser = NULL};

    if (custody_can_gather_so_pin(keeper, token)) {
        return "its security officer is needed: the holders of its SO PIN give their shares first "
               "(privyseal shares show), and then it is executed again";
    }
    if (tokens_so_pin(token).len == 0) {
        return "the token has to be told by its security officer: give its PIN (so_pin_file or "
               "so_pin_credential of that token)";
    }
    if (pin_row_read(keeper, tokens_name(token), SHARE_PIN_SO, false, &row) == PS_OK &&
        !pin_row_is_of(&row, tokens_so_pin(token)) && !custody_has_next_so_pin(keeper, token)) {
        return "the SO PIN that is configured is not the one that was split: it is not tried; "
               "configure that one, or split anew (pin.split)";
    }
    if (keeper_so_pin_was_refused(keeper, token)) {
        return "the token has refused this SO PIN before: it is not tried again; configure the "
               "right one";
    }
    return NULL;
}
