#ifndef KEYSTORE_CATALOG_RECORD_FIELDS_H
#define KEYSTORE_CATALOG_RECORD_FIELDS_H

#include "lib/formats/json/json.h"

/* What the readers and writers of all records share. */

PS_MUST_USE enum ps_err record_fail(const char *member, const char *what);

/* Printable ASCII without blanks at its ends; empty is fine. */
PS_MUST_USE enum ps_err record_check_text(const char *member, struct ps_bytes text);

/* No control characters; UTF-8 (which the reader has checked). */
PS_MUST_USE enum ps_err record_check_free_text(const char *member, struct ps_bytes text);

/* The place of `text` in a table of names. */
PS_MUST_USE enum ps_err record_read_choice(const char *member, struct ps_bytes text,
                                           const char *const *names, unsigned count,
                                           unsigned *ret_index);

/* An array of at most `max` different strings, each of which passes `check`. */
typedef enum ps_err record_check_fn(const char *member, struct ps_bytes text);
PS_MUST_USE enum ps_err record_check_strings(const char *member, struct json_value array,
                                             size_t max, record_check_fn *check);
PS_MUST_USE enum ps_err record_check_pattern(const char *member, struct ps_bytes text);

/* `before` is what stands before the value, such as ",\"name\":". */
void record_put_text(struct ps_buf *out, const char *before, struct ps_bytes text);
void record_put_octets(struct ps_buf *out, const char *before, struct ps_bytes octets);
void record_put_number(struct ps_buf *out, const char *before, uint64_t number);
void record_put_flag(struct ps_buf *out, const char *before, bool flag);
/* `empty`, when there is no value: "[]" or "{}". */
void record_put_json(struct ps_buf *out, const char *before, struct json_value value,
                     const char *empty);

#endif
