#ifndef FAKE_P11_NAMES_H
#define FAKE_P11_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control.h"

/* The words of the script and their numbers, for fake_p11_ctl. */

struct name {
    const char *name;
    uint64_t value;
};

/* What may follow an action: nothing, one word, or one it can do without. */
enum argument {
    ARGUMENT_NONE,
    ARGUMENT_NUMBER,
    ARGUMENT_RV,
    ARGUMENT_SIGNAL,
    ARGUMENT_GARBAGE,
    ARGUMENT_TEXT,
    ARGUMENT_SWITCH
};

struct action_name {
    const char *name;
    enum fake_action action;
    enum argument argument;
};

extern const struct action_name action_names[];
extern const size_t action_name_count;

const struct action_name *names_action(const char *word);
const char *names_of_action(enum fake_action action);

/* Each takes a name or a number, decimal or 0x. */
bool names_rv(const char *word, uint64_t *ret_value);
bool names_mechanism(const char *word, uint64_t *ret_value);
bool names_attribute(const char *word, uint64_t *ret_value);
bool names_garbage(const char *word, uint64_t *ret_value);
bool names_number(const char *word, uint64_t *ret_value);
bool names_switch(const char *word, uint64_t *ret_value);

/* "any" is FAKE_ANY. */
bool names_function(const char *word, uint64_t *ret_value);

#endif
