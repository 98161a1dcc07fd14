#ifndef FORMATS_PDF_SYNTAX_H
#define FORMATS_PDF_SYNTAX_H

#include "lib/base/buf.h"

/*
 * The values of PDF (ISO 32000-1 section 7.3), as they stand in a file. Nothing is copied and no
 * tree is made: a value is the octets it is written with, so that what an update does not change it
 * repeats exactly. Every error of this file is PS_E_INPUT.
 */
enum pdf_kind {
    PDF_NULL,
    PDF_BOOL,
    PDF_NUMBER,
    PDF_STRING, /* literal or hexadecimal, with its brackets */
    PDF_NAME,   /* with its slash */
    PDF_ARRAY,
    PDF_DICT,
    PDF_REFERENCE
};

struct pdf_value {
    enum pdf_kind kind;
    struct ps_bytes octets; /* as written; of PDF_NULL that is absent: empty */
};

struct pdf_reference {
    uint32_t number;
    uint32_t generation;
};

/* Arrays and dictionaries in one another. */
#define PDF_DEPTH_MAX 32u

/* Takes a value, white space and comments before it included, from the front of *rest. */
PS_MUST_USE enum ps_err pdf_take_value(struct ps_bytes *rest, struct pdf_value *ret_value);
/* The same; nothing in it begins behind so many octets. Errors: PS_E_LIMIT besides. */
PS_MUST_USE enum ps_err pdf_take_value_within(struct ps_bytes *rest, size_t most,
                                              struct pdf_value *ret_value);

/* Takes digits without a sign: a number of at most `most`. */
PS_MUST_USE enum ps_err pdf_take_unsigned(struct ps_bytes *rest, uint64_t most,
                                          uint64_t *ret_number);

/* Takes this keyword if it is the next thing; false, and nothing taken, otherwise. */
bool pdf_take_word(struct ps_bytes *rest, const char *word);

/*
 * Takes the next element of an array, or the next entry of a dictionary. *rest is what
 * pdf_inside gave at first; *ret_more is false when nothing is left.
 */
struct ps_bytes pdf_inside(struct pdf_value container);
PS_MUST_USE enum ps_err pdf_next_element(struct ps_bytes *rest, struct pdf_value *ret_value,
                                         bool *ret_more);
PS_MUST_USE enum ps_err pdf_next_entry(struct ps_bytes *rest, struct pdf_value *ret_key,
                                       struct pdf_value *ret_value, bool *ret_more);

/* True when a name is "/" and `text`, however it is escaped (section 7.3.5). */
bool pdf_name_is(struct pdf_value name, const char *text);

/*
 * The value of a key; PDF_NULL when it is absent. A key that stands there twice is an error: two
 * readers could take two values.
 */
PS_MUST_USE enum ps_err pdf_get(struct pdf_value dict, const char *key,
                                struct pdf_value *ret_value);

/* A whole number from 0 to `most`; anything else is an error. */
PS_MUST_USE enum ps_err pdf_unsigned(struct pdf_value value, uint64_t most, uint64_t *ret_number);

/* A number in thousandths, cut; within a million, so that sums of some stay in 64 bits. */
PS_MUST_USE enum ps_err pdf_thousandths(struct pdf_value value, int64_t *ret_number);

/* Of a value of the kind PDF_REFERENCE. */
PS_MUST_USE enum ps_err pdf_reference(struct pdf_value value, struct pdf_reference *ret_reference);

#endif
