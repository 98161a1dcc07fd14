#ifndef FORMATS_JOSE_HEADER_H
#define FORMATS_JOSE_HEADER_H

#include "lib/formats/json/json.h"

/* What the protected headers of a JWS and a JWE have in common. */

/* What becomes of a member that the caller wants in the header. */
enum jose_member_use {
    JOSE_MEMBER_TAKE,
    JOSE_MEMBER_PASS_OVER, /* says what the header says already */
    JOSE_MEMBER_REFUSE
};
typedef enum jose_member_use jose_member_use_fn(void *context, struct ps_bytes name,
                                                struct json_value value);

/*
 * Appends a comma and the member's own octets for each member of `members` that `use` takes.
 *
 * members: a JSON object of at most 64 KiB, or empty: none
 * Errors:  PS_E_INPUT: no strict JSON object, `typ`, `cty` or `kid` that is no string (RFC 7515
 *          sections 4.1.4, 4.1.9 and 4.1.10), a member that `use` refuses; the detail names it.
 *          What was appended before is left there.
 */
PS_MUST_USE enum ps_err jose_put_members(struct ps_bytes members, jose_member_use_fn *use,
                                         void *context, struct ps_buf *out);

/* As json_next for an object, with the name's escapes undone. */
PS_MUST_USE enum ps_err jose_next_member(struct json_value object, uint32_t *cursor,
                                         struct ps_bytes *ret_name, struct json_value *ret_value,
                                         bool *ret_more);

/* Reads a header that is a JSON object of at most 64 KiB into the reader of JSON_SLOT_HEADER. */
PS_MUST_USE enum ps_err jose_read_header(struct ps_bytes text, struct json_value *ret_header);

/* True when the value is a string that says this. */
bool jose_says(struct json_value value, const char *text);

void jose_put_text_member(struct ps_buf *out, const char *name, struct ps_bytes text);
void jose_put_raw_member(struct ps_buf *out, const char *name, struct ps_bytes json);

#endif
