#ifndef PS_BASE_BASE58_H
#define PS_BASE_BASE58_H

#include "lib/base/buf.h"

/* What may be encoded at once: the work grows with the square of it. */
#define PS_BASE58_MAX 512u

/*
 * base58btc: the octets as one big-endian number to the base 58 in Bitcoin's alphabet, and a `1`
 * for each zero octet in front. At most PS_BASE58_MAX octets, or the buffer fails with PS_E_LIMIT.
 * Source: draft-msporny-base58-03
 */
void ps_buf_put_base58btc(struct ps_buf *buf, struct ps_bytes octets);

/*
 * Strict: each octet string has exactly one text. Errors: PS_E_INPUT (another character, more than
 * PS_BASE58_MAX octets); PS_E_LIMIT, PS_E_NO_MEMORY through the buffer.
 */
PS_MUST_USE enum ps_err ps_base58btc_decode(struct ps_bytes text, struct ps_buf *out);

#endif
