#ifndef CEREMONY_SCRIPT_SCRIPT_H
#define CEREMONY_SCRIPT_SCRIPT_H

#include "lib/base/hash.h"
#include "lib/formats/json/json.h"

/*
 * The script of a ceremony: a reviewed JSON text of ordered steps (docs/ceremonies/README.md).
 *
 *   {"v":"1","title":"...","purpose":"...","steps":[
 *     {"step":"1","say":"a text to be read aloud"},
 *     {"step":"2","ask":"key","text":"the question","input":"name"},
 *     {"step":"3","do":"key.suspend","text":"what for","subject":"{key}","requester":"{who}"},
 *     {"step":"4","stop":"why one may stop here"}]}
 *
 * A variable is what an earlier step asked for; "{key}" in a text, and in a string of `subject`,
 * `params`, `requester` and `reason`, stands for its value. Other braces are refused there.
 */
#define SCRIPT_OCTETS_MAX    (256u * 1024u)
#define SCRIPT_STEPS_MAX     64u
#define SCRIPT_STEP_NAME_MAX 32u
#define SCRIPT_TEXT_MAX      4096u
#define SCRIPT_VALUE_MAX     (48u * 1024u) /* octets of what is typed, or of a file */

struct script;

enum script_kind { SCRIPT_SAY, SCRIPT_ASK, SCRIPT_DO, SCRIPT_STOP };

/* What may be typed, and what it becomes in a parameter. */
enum script_input {
    SCRIPT_INPUT_TEXT,    /* a string of printable characters, not empty */
    SCRIPT_INPUT_NAME,    /* a string: a name of a key, client, person, ... */
    SCRIPT_INPUT_NUMBER,  /* a number: decimal digits */
    SCRIPT_INPUT_FLAG,    /* yes or no: true or false */
    SCRIPT_INPUT_CHOICE,  /* a string: one of the step's choices */
    SCRIPT_INPUT_WORDS,   /* words with commas between, perhaps none: an array of strings */
    SCRIPT_INPUT_NUMBERS, /* the same with numbers */
    SCRIPT_INPUT_FILE,    /* the path of a file: the JSON object in it */
    SCRIPT_INPUT_COUNT
};

/* Valid as long as the script; absent texts are empty, absent values have no `doc`. */
struct script_step {
    enum script_kind kind;
    struct ps_bytes name;
    struct ps_bytes text;     /* said, asked, what an operation is for, why one may stop */
    struct ps_bytes variable; /* SCRIPT_ASK */
    enum script_input input;
    struct json_value choices;
    struct ps_bytes initial; /* SCRIPT_ASK: `default`, what nothing typed means */
    bool is_twice;           /* SCRIPT_ASK: two people type it, and have to agree */
    struct ps_bytes type;    /* SCRIPT_DO: of the operation */
    struct json_value subject;
    struct json_value params;
    struct json_value requester;
    struct json_value reason;
};

/*
 * Reads a script and checks all that can be known without an appliance: the schema, that names of
 * steps and variables are there once, that variables are asked for before they are used, that there
 * are such operations.
 * Errors: PS_E_INPUT, PS_E_LIMIT, PS_E_NO_MEMORY; the detail names the step
 */
PS_MUST_USE enum ps_err script_parse(struct ps_bytes octets, struct script **ret_script);
void script_free(struct script *script);
PS_DEFINE_CLEANUP(struct script, script_free)

struct ps_bytes script_octets(const struct script *script);
struct ps_bytes script_title(const struct script *script);
struct ps_bytes script_purpose(const struct script *script);
const uint8_t *script_hash(const struct script *script); /* SHA-256 of its octets */
size_t script_count(const struct script *script);
const struct script_step *script_at(const struct script *script, size_t index);
const struct script_step *script_step_named(const struct script *script,
                                            struct ps_bytes name); /* NULL: there is none */
/* The step that asks for a variable; NULL: none does. */
const struct script_step *script_question(const struct script *script, struct ps_bytes variable);

const char *script_kind_name(enum script_kind kind);    /* "say": its member */
const char *script_input_name(enum script_input input); /* "name" */

#endif
