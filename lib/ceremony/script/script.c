#include "lib/ceremony/script/script.h"

#include "lib/base/name.h"
#include "lib/ceremony/operation/types.h"
#include "lib/ceremony/script/values.h"

#include <stdlib.h>

#define TITLE_MAX 128u
#define DEPTH_MAX 12u
#define NODES_MAX 4096u

struct script {
    struct ps_buf octets;
    struct json *json;
    struct ps_bytes title;
    struct ps_bytes purpose;
    uint8_t hash[PS_SHA256_LEN];
    struct script_step steps[SCRIPT_STEPS_MAX];
    size_t count;
};

void script_free(struct script *script)
{
    if (script != NULL) {
        ps_buf_clear(&script->octets);
        json_free(script->json);
        free(script);
    }
}

/* --- The schemas --- */

struct header {
    struct ps_bytes v;
    struct ps_bytes title;
    struct ps_bytes purpose;
    struct json_value steps;
};

static const struct json_field header_fields[] = {
    JSON_FIELD(struct header, v, JSON_KIND_STRING, true, 1),
    JSON_FIELD(struct header, title, JSON_KIND_STRING, true, TITLE_MAX),
    JSON_FIELD(struct header, purpose, JSON_KIND_STRING, true, SCRIPT_TEXT_MAX),
    JSON_FIELD(struct header, steps, JSON_KIND_ARRAY, true, SCRIPT_STEPS_MAX),
};

#define FIELD(text, member, kind_, required_, max_)                                                \
    {                                                                                              \
        .name = (text), .offset = offsetof(struct read_step, member), .max = (max_),               \
        .kind = JSON_KIND_##kind_, .required = (required_)                                         \
    }
#define NAME_FIELD FIELD("step", step.name, NAME, true, SCRIPT_STEP_NAME_MAX)

struct read_step {
    struct script_step step;
    struct ps_bytes input;
};

static const struct json_field say_fields[] = {
    NAME_FIELD,
    FIELD("say", step.text, STRING, true, SCRIPT_TEXT_MAX),
};

static const struct json_field ask_fields[] = {
    NAME_FIELD,
    FIELD("ask", step.variable, NAME, true, SCRIPT_STEP_NAME_MAX),
    FIELD("text", step.text, STRING, true, SCRIPT_TEXT_MAX),
    FIELD("input", input, STRING, true, 16),
    FIELD("choices", step.choices, ARRAY, false, 16),
    FIELD("default", step.initial, STRING, false, 1024),
    FIELD("twice", step.is_twice, BOOL, false, 0),
};

static const struct json_field do_fields[] = {
    NAME_FIELD,
    FIELD("do", step.type, STRING, true, 64),
    FIELD("text", step.text, STRING, true, SCRIPT_TEXT_MAX),
    FIELD("subject", step.subject, ANY, false, 0),
    FIELD("params", step.params, ANY, false, 0),
    FIELD("requester", step.requester, ANY, false, 0),
    FIELD("reason", step.reason, ANY, false, 0),
};

static const struct json_field stop_fields[] = {
    NAME_FIELD,
    FIELD("stop", step.text, STRING, true, SCRIPT_TEXT_MAX),
};

static const struct {
    const char *member;
    const struct json_field *fields;
    size_t count;
} kinds[] = {
    [SCRIPT_SAY] = {"say", say_fields, PS_COUNT_OF(say_fields)},
    [SCRIPT_ASK] = {"ask", ask_fields, PS_COUNT_OF(ask_fields)},
    [SCRIPT_DO] = {"do", do_fields, PS_COUNT_OF(do_fields)},
    [SCRIPT_STOP] = {"stop", stop_fields, PS_COUNT_OF(stop_fields)},
};

static const char *const inputs[SCRIPT_INPUT_COUNT] = {
    [SCRIPT_INPUT_TEXT] = "text",       [SCRIPT_INPUT_NAME] = "name",
    [SCRIPT_INPUT_NUMBER] = "number",   [SCRIPT_INPUT_FLAG] = "flag",
    [SCRIPT_INPUT_CHOICE] = "choice",   [SCRIPT_INPUT_WORDS] = "words",
    [SCRIPT_INPUT_NUMBERS] = "numbers", [SCRIPT_INPUT_FILE] = "file",
};

const char *script_kind_name(enum script_kind kind)
{
    return kinds[kind].member;
}

const char *script_input_name(enum script_input input)
{
    return inputs[input];
}

/* --- What a schema does not say --- */

/* "step 3: ..." before what is wrong. */
static enum ps_err name_step(const struct script_step *step, size_t index, enum ps_err err)
{
    char why[sizeof ps_detail()->text];

    memcpy(why, ps_detail()->text, sizeof why);
    if (step->name.len != 0) {
        return ps_fail(err, 0, "step %.*s: %s", PS_BYTES_FMT(step->name), why);
    }
    return ps_fail(err, 0, "the step at place %zu: %s", index + 1, why);
}

const struct script_step *script_question(const struct script *script, struct ps_bytes variable)
{
    for (size_t i = 0; i < script->count; i++) {
        if (script->steps[i].kind == SCRIPT_ASK &&
            ps_bytes_equal(script->steps[i].variable, variable)) {
            return &script->steps[i];
        }
    }
    return NULL;
}

/* Called for each variable that a text has. */
static enum ps_err check_variable(void *context, struct ps_bytes variable)
{
    const struct script *script = context;

    if (script_question(script, variable) == NULL) {
        return ps_fail(PS_E_INPUT, 0, "{%.*s} is used, but no step before this one asks for it",
                       PS_BYTES_FMT(variable));
    }
    return PS_OK;
}

static enum ps_err check_choices(const struct script_step *step)
{
    struct json_value choice;
    struct ps_bytes text;
    uint32_t cursor = 0;

    if ((step->input == SCRIPT_INPUT_CHOICE) != (step->choices.doc != NULL)) {
        return ps_fail(PS_E_INPUT, 0, "`choices` stands where `input` is choice, and only there");
    }
    if (step->choices.doc == NULL) {
        return PS_OK;
    }
    if (json_count(step->choices) == 0 || json_count(step->choices) > 16) {
        return ps_fail(PS_E_INPUT, 0, "`choices`: 1 to 16");
    }
    while (json_next(step->choices, &cursor, NULL, &choice)) {
        PS_TRY(json_string(choice, &text));
        if (text.len == 0 || text.len > 64) {
            return ps_fail(PS_E_INPUT, 0, "`choices`: texts of 1 to 64 octets");
        }
    }
    return PS_OK;
}

static enum ps_err check_ask(const struct script *script, const struct script_step *step)
{
    PS_BUF_AUTO value = {.max = SCRIPT_VALUE_MAX};

    if (script_question(script, step->variable) != NULL) {
        return ps_fail(PS_E_INPUT, 0, "%.*s is asked for twice", PS_BYTES_FMT(step->variable));
    }
    PS_TRY(check_choices(step));
    if (step->initial.data == NULL) {
        return PS_OK;
    }
    if (step->is_twice || step->input == SCRIPT_INPUT_FILE) {
        return ps_fail(PS_E_INPUT, 0, "a file, and what two people type, has no `default`");
    }
    return script_value_read(step, step->initial, &value);
}

/* An object, or the variable that becomes one. */
static enum ps_err check_params(struct json_value params)
{
    const struct ps_bytes raw = json_raw(params);

    if (json_type(params) == JSON_OBJECT ||
        (json_type(params) == JSON_STRING && raw.len > 4 && raw.data[1] == '{' &&
         memchr(raw.data, '}', raw.len) == raw.data + raw.len - 2)) {
        return PS_OK;
    }
    return ps_fail(PS_E_INPUT, 0, "`params` is an object, or one {variable}");
}

static enum ps_err check_do(struct script *script, const struct script_step *step)
{
    const struct json_value parts[] = {step->subject, step->params, step->requester, step->reason};

    if (operation_type_info_find(step->type) == NULL) {
        return ps_fail(PS_E_INPUT, 0, "there is no operation \"%.*s\"", PS_BYTES_FMT(step->type));
    }
    PS_TRY(step->params.doc == NULL ? PS_OK : check_params(step->params));
    for (size_t i = 0; i < PS_COUNT_OF(parts); i++) {
        if (parts[i].doc != NULL && i != 1 && json_type(parts[i]) != JSON_STRING) {
            return ps_fail(PS_E_INPUT, 0, "`subject`, `requester` and `reason` are strings");
        }
        if (parts[i].doc != NULL) {
            PS_TRY(script_json_walk(parts[i], check_variable, script));
        }
    }
    return PS_OK;
}

static enum ps_err check_step(struct script *script, const struct script_step *step)
{
    for (size_t i = 0; i < script->count; i++) {
        if (ps_bytes_equal(script->steps[i].name, step->name)) {
            return ps_fail(PS_E_INPUT, 0, "two steps have this name");
        }
    }
    if (step->text.len == 0) {
        return ps_fail(PS_E_INPUT, 0, "its text is empty");
    }
    PS_TRY(script_text_walk(step->text, check_variable, script));
    if (step->kind == SCRIPT_ASK) {
        return check_ask(script, step);
    }
    return step->kind == SCRIPT_DO ? check_do(script, step) : PS_OK;
}

/* --- Reading --- */

static enum ps_err find_kind(struct json_value object, enum script_kind *ret_kind)
{
    struct json_value value;
    size_t found = PS_COUNT_OF(kinds);

    for (size_t i = 0; json_type(object) == JSON_OBJECT && i < PS_COUNT_OF(kinds); i++) {
        if (json_member(object, kinds[i].member, &value)) {
            found = i;
            break;
        }
    }
    if (found == PS_COUNT_OF(kinds)) {
        return ps_fail(PS_E_INPUT, 0, "a step is an object with one of: say, ask, do, stop");
    }
    *ret_kind = (enum script_kind)found;
    return PS_OK;
}

static enum ps_err find_input(struct ps_bytes name, enum script_input *ret_input)
{
    for (int i = 0; i < SCRIPT_INPUT_COUNT; i++) {
        if (ps_bytes_equal_str(name, inputs[i])) {
            *ret_input = (enum script_input)i;
            return PS_OK;
        }
    }
    return ps_fail(PS_E_INPUT, 0,
                   "`input`: text, name, number, flag, choice, words, numbers or file");
}

static enum ps_err read_step(struct script *script, struct json_value value, struct read_step *read)
{
    enum script_kind kind;

    PS_TRY(find_kind(value, &kind));
    PS_TRY(json_read_object(value, kinds[kind].fields, kinds[kind].count, read, NULL));
    read->step.kind = kind;
    if (kind == SCRIPT_ASK) {
        PS_TRY(find_input(read->input, &read->step.input));
    }
    return check_step(script, &read->step);
}

static enum ps_err read_steps(struct script *script, struct json_value steps)
{
    struct json_value value;
    uint32_t cursor = 0;

    if (json_count(steps) == 0 || json_count(steps) > SCRIPT_STEPS_MAX) {
        return ps_fail(PS_E_INPUT, 0, "a script has 1 to %u steps", SCRIPT_STEPS_MAX);
    }
    while (json_next(steps, &cursor, NULL, &value)) {
        struct read_step read = {.input = {NULL, 0}};
        const enum ps_err err = read_step(script, value, &read);

        if (err != PS_OK) {
            return name_step(&read.step, script->count, err);
        }
        script->steps[script->count++] = read.step;
    }
    return PS_OK;
}

static enum ps_err read_script(struct script *script)
{
    static const struct json_limits limits = {SCRIPT_OCTETS_MAX, DEPTH_MAX, NODES_MAX};
    struct json_value root;
    struct header header;

    PS_TRY(json_parse(script->json, ps_buf_bytes(&script->octets), &limits, &root));
    if (json_type(root) != JSON_OBJECT) {
        return ps_fail(PS_E_INPUT, 0, "a script is a JSON object");
    }
    PS_TRY(json_read_object(root, header_fields, PS_COUNT_OF(header_fields), &header, NULL));
    if (!ps_bytes_equal_str(header.v, "1")) {
        return ps_fail(PS_E_INPUT, 0, "a script of a version that this program does not know");
    }
    if (header.title.len == 0 || header.purpose.len == 0) {
        return ps_fail(PS_E_INPUT, 0, "a script has a title and a purpose");
    }
    script->title = header.title;
    script->purpose = header.purpose;
    return read_steps(script, header.steps);
}

enum ps_err script_parse(struct ps_bytes octets, struct script **ret_script)
{
    PS_CLEANUP(script_free_cleanup) struct script *script = calloc(1, sizeof *script);

    if (script == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    ps_buf_init(&script->octets, SCRIPT_OCTETS_MAX);
    ps_buf_put(&script->octets, octets);
    PS_TRY(ps_buf_status(&script->octets));
    ps_sha256(octets, script->hash);
    PS_TRY(json_new(&script->json));
    PS_TRY(read_script(script));
    *ret_script = script;
    script = NULL;
    return PS_OK;
}

struct ps_bytes script_octets(const struct script *script)
{
    return ps_buf_bytes(&script->octets);
}

struct ps_bytes script_title(const struct script *script)
{
    return script->title;
}

struct ps_bytes script_purpose(const struct script *script)
{
    return script->purpose;
}

const uint8_t *script_hash(const struct script *script)
{
    return script->hash;
}

size_t script_count(const struct script *script)
{
    return script->count;
}

const struct script_step *script_step_named(const struct script *script, struct ps_bytes name)
{
    for (size_t i = 0; i < script->count; i++) {
        if (ps_bytes_equal(script->steps[i].name, name)) {
            return &script->steps[i];
        }
    }
    return NULL;
}

const struct script_step *script_at(const struct script *script, size_t index)
{
    return index < script->count ? &script->steps[index] : NULL;
}
