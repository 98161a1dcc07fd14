#include "keystore/operations/internal.h"

/* An operation that makes one key, or one after the other: its end is that of the key. */

static void on_answer(void *context, const struct token_answer *answer)
{
    operation_note_calls(context, answer);
}

static void on_made(void *context, const struct made *made)
{
    struct operation *op = context;

    op->on_made(op, made);
}

static void on_failed(void *context, enum ps_problem problem, const char *detail)
{
    operation_failed(context, problem, "%s", detail);
}

static const struct make_calls calls = {
    .answered = on_answer, .made = on_made, .failed = on_failed};

static void begin(struct operation *op, const struct make_spec *spec, struct object *object,
                  made_fn *fn)
{
    enum ps_err err;

    make_free(op->make);
    op->make = NULL;
    op->token = spec->token;
    op->objects_made = true;
    op->on_made = fn;
    err = make_new(spec, object, &calls, op, &op->make);
    if (err == PS_OK) {
        err = make_begin(op->make);
    }
    if (err != PS_OK) {
        operation_failed_error(op, err);
    }
}

void make_key(struct operation *op, const struct make_spec *spec, struct object *object,
              made_fn *fn)
{
    begin(op, spec, object, fn);
}

void make_settle(struct operation *op, const struct make_spec *spec, struct object *object,
                 made_fn *fn)
{
    struct make_spec looking = *spec;

    looking.looks_first = true;
    begin(op, &looking, object, fn);
}
