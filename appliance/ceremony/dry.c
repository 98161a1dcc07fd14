#include "appliance/ceremony/ceremony.h"

#include "appliance/terminal.h"
#include "lib/ceremony/operation/types.h"

/* A script as a text, for who reviews it or reads it aloud before a ceremony. */

static void put_question(const struct script_step *step, struct ps_buf *out)
{
    ps_buf_printf(out, "ASK      %.*s\n         {%.*s}: %s", PS_BYTES_FMT(step->text),
                  PS_BYTES_FMT(step->variable), script_input_name(step->input));
    if (step->choices.doc != NULL) {
        ps_buf_put_u8(out, ' ');
        script_put_list(step->choices, out);
    }
    if (step->initial.data != NULL) {
        ps_buf_printf(out, "; if nothing is typed: \"%.*s\"", PS_BYTES_FMT(step->initial));
    }
    ps_buf_put_str(out, step->is_twice ? "; typed by two people\n" : "\n");
}

static void put_member(const char *name, struct json_value value, struct ps_buf *out)
{
    if (value.doc != NULL) {
        ps_buf_printf(out, "         %-9s ", name);
        if (json_put_canonical(value, out) != PS_OK) {
            ps_buf_put(out, json_raw(value)); /* with a null, which no operation takes */
        }
        ps_buf_put_u8(out, '\n');
    }
}

static void put_operation(const struct script_step *step, struct ps_buf *out)
{
    const struct operation_type_info *type = operation_type_info_find(step->type);
    const char *who = operation_class_text(type->class);

    ps_buf_printf(out, "DO       %.*s\n         %s (%s)\n", PS_BYTES_FMT(step->text), type->name,
                  type->sentence);
    put_member("subject", step->subject, out);
    put_member("params", step->params, out);
    put_member("requester", step->requester, out);
    put_member("reason", step->reason, out);
    ps_buf_printf(out, "         approved by %s\n", who == NULL ? "nobody" : who);
    if (type->approvals != NULL) {
        ps_buf_printf(out, "         %s\n", type->approvals);
    }
}

static void put_step(const struct script_step *step, struct ps_buf *out)
{
    ps_buf_printf(out, "\n[%.*s] ", PS_BYTES_FMT(step->name));
    switch (step->kind) {
    case SCRIPT_SAY:
        ps_buf_printf(out, "SAY      %.*s\n", PS_BYTES_FMT(step->text));
        return;
    case SCRIPT_ASK:
        put_question(step, out);
        return;
    case SCRIPT_DO:
        put_operation(step, out);
        return;
    case SCRIPT_STOP:
        ps_buf_printf(out, "STOP     %.*s\n", PS_BYTES_FMT(step->text));
        return;
    }
}

int ceremony_print(const struct ceremony *ceremony)
{
    PS_BUF_AUTO text = {.max = (size_t)4 * SCRIPT_OCTETS_MAX};
    enum ps_err err;

    ps_buf_printf(&text, "%.*s\n\n%.*s\n", PS_BYTES_FMT(script_title(ceremony->script)),
                  PS_BYTES_FMT(script_purpose(ceremony->script)));
    for (size_t i = 0; i < script_count(ceremony->script); i++) {
        put_step(script_at(ceremony->script, i), &text);
    }
    err = ps_buf_status(&text);
    err = err == PS_OK ? terminal_print(ps_buf_bytes(&text)) : err;
    return err == PS_OK ? CLI_DONE : ceremony_failed(err);
}
