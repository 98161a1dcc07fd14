#ifndef PS_BASE_ENCODE_H
#define PS_BASE_ENCODE_H

#include "lib/base/buf.h"

/* base64url without padding, RFC 4648 section 5. */
static inline size_t ps_base64url_len(size_t octets)
{
    return octets / 3 * 4 + (octets % 3 == 0 ? 0 : octets % 3 + 1);
}
void ps_buf_put_base64url(struct ps_buf *buf, struct ps_bytes octets);

/* Writes ps_base64url_len(octets.len) characters to `out`; no NUL. */
void ps_base64url_encode(struct ps_bytes octets, char *out);

/*
 * Strict: no padding, no white space, no other alphabet, and unused bits are zero, so that each
 * octet string has exactly one text. Errors: PS_E_INPUT; PS_E_LIMIT through the buffer.
 */
PS_MUST_USE enum ps_err ps_base64url_decode(struct ps_bytes text, struct ps_buf *out);

/* base64 with padding, RFC 4648 section 4; the same strictness. */
void ps_buf_put_base64(struct ps_buf *buf, struct ps_bytes octets);
PS_MUST_USE enum ps_err ps_base64_decode(struct ps_bytes text, struct ps_buf *out);

/* Lower case; decoding takes lower case only. */
void ps_buf_put_hex(struct ps_buf *buf, struct ps_bytes octets);
PS_MUST_USE enum ps_err ps_hex_decode(struct ps_bytes text, struct ps_buf *out);

/* The value of a hexadecimal digit of either case; -1 when it is none. */
int ps_hex_digit(uint8_t c);

/* Writes a character as UTF-8 (RFC 3629 section 3) and returns how many octets: 1 to 4. */
size_t ps_utf8_encode(uint32_t code, uint8_t *out);

/*
 * A JSON string with its quotes, as RFC 8785 section 3.2.2.2 writes it. The octets are UTF-8; what
 * is not is written as U+FFFD, so that text from outside can never break a line or a document.
 */
void ps_buf_put_json_string(struct ps_buf *buf, struct ps_bytes text);

/* As HTML's text, in an element or between double quotes: & < > " are escaped, and nothing else. */
void ps_buf_put_html(struct ps_buf *buf, struct ps_bytes text);

/* True for valid UTF-8: no overlong forms, no surrogates, nothing over U+10FFFF. */
bool ps_utf8_valid(struct ps_bytes text);

/* How many octets at the front are valid UTF-8: text.len when all are. */
size_t ps_utf8_prefix(struct ps_bytes text);

#endif
