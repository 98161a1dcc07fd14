#ifndef CEREMONY_SCRIPT_VALUES_H
#define CEREMONY_SCRIPT_VALUES_H

#include "lib/ceremony/script/script.h"

/* Variables of a script: their values, and the places where they stand for them. */

/*
 * What was typed for a question, as JSON (script.h says which). For a file: what is in it.
 * Errors: PS_E_INPUT (the detail says what to type), PS_E_LIMIT, PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err script_value_read(const struct script_step *question, struct ps_bytes typed,
                                          struct ps_buf *out);

/* The JSON of a variable's value. Errors: PS_E_NOT_FOUND. */
struct script_values {
    void *context;
    enum ps_err (*get)(void *context, struct ps_bytes variable, struct ps_bytes *ret_json);
};

/* Calls `visit` for each variable in a text, or in all strings of a value, in their order.
 * Errors: PS_E_INPUT (a brace that belongs to no variable), those of `visit`. */
PS_MUST_USE enum ps_err
script_text_walk(struct ps_bytes text,
                 enum ps_err (*visit)(void *context, struct ps_bytes variable), void *context);
PS_MUST_USE enum ps_err
script_json_walk(struct json_value value,
                 enum ps_err (*visit)(void *context, struct ps_bytes variable), void *context);

/*
 * A text with its variables replaced, for people; and a value with its variables replaced: a string
 * that is nothing but one variable becomes that variable's value, whatever its type.
 * Errors: as above, those of `get`, PS_E_LIMIT, PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err script_put_text(const struct script_values *values, struct ps_bytes text,
                                        struct ps_buf *out);
PS_MUST_USE enum ps_err script_put_json(const struct script_values *values, struct json_value value,
                                        struct ps_buf *out);

/* The elements of a list, strings without their quotes: "a, b". */
void script_put_list(struct json_value list, struct ps_buf *out);

#endif
