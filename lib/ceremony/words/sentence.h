#ifndef CEREMONY_WORDS_SENTENCE_H
#define CEREMONY_WORDS_SENTENCE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/compiler.h"

/* Sentences for people in arrays of a fixed size; what does not fit is cut at the end. */

PS_PRINTF(3, 4) void sentence_add(char *text, size_t size, const char *format, ...);

/* "one officer", "two officers and one auditor", "no people"; a count of 0 is left out. */
struct sentence_part {
    uint32_t count;
    const char *one;  /* "officer" */
    const char *many; /* "officers" */
};
void sentence_add_counts(char *text, size_t size, const struct sentence_part *parts, size_t count);

/* The same for officers and auditors. */
void sentence_add_roles(char *text, size_t size, uint32_t officers, uint32_t auditors);

#endif
