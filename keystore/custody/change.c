#include "keystore/custody/internal.h"

#include "keystore/custody/refused_pins.h"
#include "keystore/load.h"
#include "keystore/state/state.h"
#include "keystore/tokens/approval.h"

/* PINs that take the place of others. */

/* The supervisor gives it to the next keeper, which comes back alone. */
void custody_have_kept(const struct keeper *keeper, struct ps_bytes token, struct ps_bytes pin)
{
    const struct msg_pin_keep message = {.token = token, .pin = pin};

    if (channel_send(keeper->supervisor, &msg_pin_keep_info, 0, &message) != PS_OK) {
        ps_line(PS_ERROR, "supervisor_not_told", PS_STR("detail", ps_detail()->text));
    }
}

enum ps_err custody_use_pin(struct custody *custody, struct token *token, struct ps_bytes pin)
{
    struct keeper *keeper = custody->keeper;
    struct custody_token *known = custody_token_find(custody, tokens_name(token));

    enum ps_err err;

    if (known == NULL) {
        return ps_fail(PS_E_NOT_FOUND, 0, "there is no such token");
    }
    if (keeper->lock.is_shut) {
        return ps_fail(PS_E_STATE, 0, "it is locked: no PIN is used or kept");
    }
    tokens_withdraw_approval(token);
    err = tokens_set_pin(keeper->tokens, tokens_name(token), pin, false);
    if (err != PS_OK) {
        load_approve_tokens(keeper); /* by the PIN that it has */
        return err;
    }
    known->is_kept = true;
    known->differs = false;
    custody_have_kept(keeper, tokens_name(token), pin);
    keeper_check_pins(keeper, token);
    load_approve_tokens(keeper);
    state_look(keeper);
    return PS_OK;
}

enum ps_err custody_note_next(struct custody *custody, const struct token *token,
                              struct ps_bytes next)
{
    struct custody_token *known = custody_token_find(custody, tokens_name(token));

    if (known == NULL) {
        return ps_fail(PS_E_NOT_FOUND, 0, "there is no such token");
    }
    ps_secret_free(known->next);
    known->next = NULL;
    return ps_secret_new(next, &known->next);
}

void custody_forget_next(struct custody *custody, const struct token *token)
{
    struct custody_token *known = custody_token_find(custody, tokens_name(token));

    if (known != NULL) {
        ps_secret_free(known->next);
        known->next = NULL;
    }
}

void custody_restart(struct custody *custody, struct token *token)
{
    struct token_view view;

    (void)custody;
    for (size_t i = 0; tokens_view(token, i, &view); i++) {
        tokens_condemn_number(token, view.number, CUSTODY_RESTART);
    }
}

/* First of all no process is left that goes by the old one: it would refuse the new one. */
void custody_replace_pin(struct custody *custody, struct token *token, struct ps_bytes next)
{
    custody_restart(custody, token);
    if (custody_use_pin(custody, token, next) != PS_OK) {
        ps_line(PS_ERROR, "pin_not_used", PS_TEXT("token", tokens_name(token)),
                PS_STR("detail", ps_detail()->text));
    }
}

/* After the token refused the present one; true: there was another, and it is tried. */
bool custody_try_next(struct custody *custody, struct token *token)
{
    struct custody_token *known = custody_token_find(custody, tokens_name(token));
    PS_CLEANUP(ps_secret_free_cleanup) struct ps_secret *next = known == NULL ? NULL : known->next;

    if (next == NULL) {
        return false;
    }
    known->next = NULL;
    return custody_use_pin(custody, token, ps_secret_bytes(next)) == PS_OK;
}

bool custody_has_next_pin(const struct custody *custody, const struct token *token)
{
    PIN_ROW_AUTO row = {.parser = NULL};

    return tokens_pin(token).len != 0 &&
           pin_row_read(custody->keeper, tokens_name(token), SHARE_PIN_USER, true, &row) == PS_OK &&
           pin_row_is_of(&row, tokens_pin(token));
}
