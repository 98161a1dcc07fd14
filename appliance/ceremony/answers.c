#include "appliance/ceremony/ceremony.h"

#include "appliance/terminal.h"
#include "lib/system/file.h"

#define TRIES 5

/* Answers to the questions of a script: from --set, or typed in the room. */

/* As JSON. What is given for a file is its path. */
static enum ps_err read_value(const struct script_step *question, struct ps_bytes typed,
                              struct ps_buf *out)
{
    PS_BUF_AUTO content = {0};
    PS_BUF_AUTO path = {.max = CEREMONY_PATH_MAX};

    if (question->input != SCRIPT_INPUT_FILE) {
        return script_value_read(question, typed, out);
    }
    ps_buf_put(&path, typed);
    ps_buf_put_u8(&path, '\0');
    PS_TRY(ps_buf_status(&path));
    PS_TRY(file_read((const char *)path.data, SCRIPT_VALUE_MAX, &content));
    return script_value_read(question, ps_buf_bytes(&content), out);
}

/* --- --set --- */

static enum ps_err check_setting(const struct script_step *question, struct ps_bytes name)
{
    if (question == NULL) {
        return ps_fail(PS_E_INPUT, 0, "the script asks for no %.*s", PS_BYTES_FMT(name));
    }
    if (question->is_twice) {
        return ps_fail(PS_E_INPUT, 0, "%.*s is typed by two people, it cannot be set",
                       PS_BYTES_FMT(name));
    }
    return PS_OK;
}

static enum ps_err take_setting(struct ceremony *ceremony, const char *text)
{
    const size_t len = strcspn(text, "=");
    const struct ps_bytes name = ps_bytes(text, len);
    const struct script_step *question = script_question(ceremony->script, name);
    PS_BUF_AUTO value = {.max = SCRIPT_VALUE_MAX};
    struct ps_bytes known;

    if (text[len] != '=') {
        return ps_fail(PS_E_INPUT, 0, "--set takes NAME=VALUE");
    }
    PS_TRY(check_setting(question, name));
    PS_TRY(read_value(question, ps_bytes_str(text + len + 1), &value));
    if (ceremony->transcript == NULL) {
        return PS_OK;
    }
    if (transcript_value(ceremony->transcript, name, &known) == PS_OK) {
        return ps_bytes_equal(known, ps_buf_bytes(&value))
                   ? PS_OK
                   : ps_fail(
                         PS_E_CONFLICT, 0,
                         "%.*s was answered otherwise already; another --transcript begins anew",
                         PS_BYTES_FMT(name));
    }
    return transcript_put(ceremony->transcript,
                          &(struct transcript_line){.what = ps_bytes_str("set"),
                                                    .name = name,
                                                    .value = ps_buf_bytes(&value)});
}

int ceremony_take_settings(struct ceremony *ceremony)
{
    size_t cursor = 0;

    for (const char *text = cli_next_value(ceremony->run, "set", &cursor); text != NULL;
         text = cli_next_value(ceremony->run, "set", &cursor)) {
        if (take_setting(ceremony, text) != PS_OK) {
            char why[sizeof ps_detail()->text];

            memcpy(why, ps_detail()->text, sizeof why);
            (void)ceremony_failed(ps_fail(PS_E_INPUT, 0, "--set %.80s: %s", text, why));
            return CLI_USAGE;
        }
    }
    return CLI_DONE;
}

/* --- The room --- */

static void put_hint(const struct script_step *question, struct ps_buf *out)
{
    static const char *const hints[SCRIPT_INPUT_COUNT] = {
        [SCRIPT_INPUT_NUMBER] = " (a number)",
        [SCRIPT_INPUT_FLAG] = " (yes or no)",
        [SCRIPT_INPUT_WORDS] = " (with commas between)",
        [SCRIPT_INPUT_NUMBERS] = " (numbers with commas between)",
        [SCRIPT_INPUT_FILE] = " (the path of a file)",
    };

    ps_buf_put_str(out, hints[question->input] == NULL ? "" : hints[question->input]);
    if (question->choices.doc != NULL) {
        ps_buf_put_str(out, " (one of: ");
        script_put_list(question->choices, out);
        ps_buf_put_u8(out, ')');
    }
    if (question->initial.len != 0) {
        ps_buf_printf(out, " [%.*s]", PS_BYTES_FMT(question->initial));
    }
}

static enum ps_err put_prompt(const struct ceremony *ceremony, const struct script_step *question,
                              const char *who, struct ps_buf *out)
{
    const struct script_values values = ceremony_values(ceremony);

    PS_TRY(script_put_text(&values, question->text, out));
    put_hint(question, out);
    ps_buf_put_str(out, who);
    ps_buf_put_str(out, ": ");
    ps_buf_put_u8(out, '\0');
    return ps_buf_status(out);
}

static enum ps_err ask_once(const struct ceremony *ceremony, const struct script_step *question,
                            const char *who, struct ps_buf *ret_typed)
{
    PS_BUF_AUTO prompt = {.max = (size_t)2 * SCRIPT_VALUE_MAX};

    PS_TRY(put_prompt(ceremony, question, who, &prompt));
    PS_TRY(terminal_read_line((const char *)prompt.data, !question->is_twice, ret_typed));
    if (ret_typed->len == 0 && question->initial.data != NULL) {
        ps_buf_put(ret_typed, question->initial);
    }
    return ps_buf_status(ret_typed);
}

/* Two people type without seeing what the other typed. PS_E_INPUT when they do not agree. */
static enum ps_err ask_twice(const struct ceremony *ceremony, const struct script_step *question,
                             struct ps_buf *ret_typed)
{
    PS_BUF_AUTO again = {.max = SCRIPT_TEXT_MAX};
    PS_BUF_AUTO agreed = {.max = SCRIPT_TEXT_MAX + 64};

    PS_TRY(ask_once(ceremony, question, ", types the first person", ret_typed));
    PS_TRY(ask_once(ceremony, question, ", types the second person", &again));
    if (!ps_bytes_equal(ps_buf_bytes(ret_typed), ps_buf_bytes(&again))) {
        return ps_fail(PS_E_INPUT, 0, "the two are not the same: look again, and type both anew");
    }
    ps_buf_printf(&agreed, "Both typed: %.*s\n", PS_BYTES_FMT(ps_buf_bytes(ret_typed)));
    PS_TRY(ps_buf_status(&agreed));
    return terminal_print(ps_buf_bytes(&agreed));
}

static enum ps_err ask(const struct ceremony *ceremony, const struct script_step *question,
                       struct ps_buf *out)
{
    enum ps_err err = PS_E_INPUT;

    for (int i = 0; i < TRIES && err != PS_OK; i++) {
        PS_BUF_AUTO typed = {.max = SCRIPT_TEXT_MAX};

        if (i != 0) {
            (void)ceremony_failed(err);
        }
        err = question->is_twice ? ask_twice(ceremony, question, &typed)
                                 : ask_once(ceremony, question, "", &typed);
        if (err == PS_E_STATE || err == PS_E_DENIED) {
            return err;
        }
        ps_buf_reset(out);
        if (err == PS_OK) {
            err = read_value(question, ps_buf_bytes(&typed), out);
        }
    }
    return err;
}

static enum ps_err answer(struct ceremony *ceremony, const struct script_step *step)
{
    PS_BUF_AUTO value = {.max = SCRIPT_VALUE_MAX};

    if (!terminal_is_there()) {
        return ps_fail(PS_E_STATE, 0,
                       step->is_twice
                           ? "%.*s is asked of two people, and there is no terminal to ask on"
                           : "%.*s is not known, and there is no terminal to ask on: give it with "
                             "--set",
                       PS_BYTES_FMT(step->variable));
    }
    PS_TRY(ask(ceremony, step, &value));
    return transcript_put(ceremony->transcript,
                          &(struct transcript_line){.what = ps_bytes_str("asked"),
                                                    .step = step->name,
                                                    .name = step->variable,
                                                    .value = ps_buf_bytes(&value)});
}

/* What was set, or typed in an earlier run, is shown and not asked again. */
struct outcome ceremony_ask(struct ceremony *ceremony, const struct script_step *step)
{
    struct ps_bytes known;
    enum ps_err err = PS_OK;

    if (transcript_value(ceremony->transcript, step->variable, &known) == PS_OK) {
        PS_BUF_AUTO line = {.max = (size_t)2 * SCRIPT_VALUE_MAX};

        ps_buf_printf(&line, "%.*s: %.*s\n", PS_BYTES_FMT(step->variable), PS_BYTES_FMT(known));
        err = ps_buf_status(&line);
        err = err == PS_OK ? terminal_print(ps_buf_bytes(&line)) : err;
    } else {
        err = answer(ceremony, step);
    }
    return err == PS_OK ? OUTCOME_ON : (struct outcome){false, ceremony_failed(err)};
}
