#ifndef FORMATS_DER_H
#define FORMATS_DER_H

#include "lib/base/buf.h"
#include "lib/base/reader.h"

/* The little DER (X.690) that keys and signatures need: definite, shortest lengths only. */
enum {
    DER_INTEGER = 0x02,
    DER_BIT_STRING = 0x03,
    DER_SEQUENCE = 0x30,
};

/* Takes one value with this tag. Errors: PS_E_INPUT. */
PS_MUST_USE enum ps_err der_take(struct ps_reader *reader, uint8_t tag,
                                 struct ps_bytes *ret_inside);

/* Takes an INTEGER above zero; yields its magnitude without leading zeros. Errors: PS_E_INPUT. */
PS_MUST_USE enum ps_err der_take_positive(struct ps_reader *reader, struct ps_bytes *ret_magnitude);

/* Octets of tag and length before `len` octets of content (below 65536). */
size_t der_header_len(size_t len);
void der_put_header(struct ps_buf *out, uint8_t tag, size_t len);

/* A non-negative INTEGER; leading zeros of `magnitude` are dropped. */
size_t der_positive_len(struct ps_bytes magnitude);
void der_put_positive(struct ps_buf *out, struct ps_bytes magnitude);

/* `a` without the zero octets at its front. */
struct ps_bytes der_without_zeros(struct ps_bytes a);

#endif
