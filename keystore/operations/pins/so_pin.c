#include "keystore/operations/pins/so_pin.h"

#include "keystore/custody/custody.h"
#include "keystore/custody/refused_pins.h"
#include "keystore/events/events.h"
#include "keystore/gate/gate.h"
#include "keystore/operations/internal.h"

#include <assert.h>

/* --- Which operations need it --- */

bool so_pin_of_token(struct json_value params, struct ps_bytes *ret_token)
{
    return document_text(params, "token", ret_token) == PS_OK;
}

bool so_pin_of_choice(struct json_value params, struct ps_bytes *ret_token)
{
    struct ps_bytes pin;

    return document_text(params, "pin", &pin) == PS_OK && ps_bytes_equal_str(pin, "so") &&
           so_pin_of_token(params, ret_token);
}

bool so_pin_of_source(struct json_value params, struct ps_bytes *ret_token)
{
    return document_text(params, "from_token", ret_token) == PS_OK;
}

static bool needs(const struct operation_type *type, struct json_value params,
                  const struct token *token)
{
    struct ps_bytes name;

    return type != NULL && type->needs_so_pin != NULL && type->needs_so_pin(params, &name) &&
           ps_bytes_equal(name, tokens_name(token));
}

struct wanted {
    const struct token *token;
    so_pin_wanted_fn *fn;
    void *context;
};

static void tell_waiting(const void *context, const char *id, struct ps_bytes type,
                         struct json_value params)
{
    const struct wanted *wanted = context;
    const struct operation_type *found = operation_type_find(type);

    if (needs(found, params, wanted->token)) {
        wanted->fn(wanted->context, id, found->name);
    }
}

void operations_each_want_so_pin(const struct operations *operations, const struct token *token,
                                 so_pin_wanted_fn *fn, void *context)
{
    const struct wanted wanted = {.token = token, .fn = fn, .context = context};

    for (const struct operation *op = operations->first; op != NULL; op = op->next) {
        if (op->step != OPERATION_BEGUN && needs(op->type, op->params, token)) {
            fn(context, op->id, op->type->name);
        }
    }
    gate_each_waits(operations->keeper->gate, tell_waiting, &wanted);
}

/* --- Whether it is there --- */

const char *so_pin_why_not(const struct operation *op, const struct token *token)
{
    const char *why = custody_why_no_so_pin(op->keeper, token);

    if (why == NULL && !custody_so_pin_is_for(op->keeper->custody, token, op->id)) {
        why = "the holders of its SO PIN gave their shares for another operation: when that has "
              "ended they give them for this one";
    }
    return why;
}

bool so_pin_will_do(struct operation *op, const struct token *token)
{
    const struct custody *custody = op->keeper->custody;
    const char *why = so_pin_why_not(op, token);
    const bool is_approved = op->signatures.len != 0;

    if (why == NULL || (!is_approved && (custody_can_gather_so_pin(op->keeper, token) ||
                                         !custody_so_pin_is_for(custody, token, op->id)))) {
        return true;
    }
    operation_refuse(op, PS_PROBLEM_REFUSED, "%.*s: %s", PS_BYTES_FMT(tokens_name(token)), why);
    return false;
}

struct ps_bytes so_pin_at_hand(const struct operation *op, const struct token *token)
{
    return custody_so_pin_is_for(op->keeper->custody, token, op->id) ? tokens_so_pin(token)
                                                                     : ps_bytes(NULL, 0);
}

struct ps_bytes so_pin_take(struct operation *op, const struct token *token)
{
    const struct ps_bytes pin = so_pin_at_hand(op, token);

    ps_secret_free(op->so_pin);
    op->so_pin = NULL;
    if (pin.len == 0 || ps_secret_new(pin, &op->so_pin) != PS_OK) {
        return ps_bytes(NULL, 0);
    }
    return ps_secret_bytes(op->so_pin);
}

const char *so_pin_refuse(const struct operation *op, struct token *token)
{
    assert(op->so_pin != NULL);
    keeper_refuse_so_pin(op->keeper, token, ps_secret_bytes(op->so_pin));
    custody_forget_released_so_pin(op->keeper->custody, token);
    events_alarm(op->keeper, "wrong-pin", tokens_name(token),
                 "the token refused the SO PIN; it is not tried again before there is another one");
    return "the token refused the SO PIN that it was given: it needs the right one";
}
