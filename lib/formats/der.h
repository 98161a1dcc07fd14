#ifndef FORMATS_DER_H
#define FORMATS_DER_H

#include "lib/base/buf.h"
#include "lib/base/reader.h"

/* The little DER (X.690) that we write and read: definite, shortest lengths only. */
enum {
    DER_BOOLEAN = 0x01,
    DER_INTEGER = 0x02,
    DER_BIT_STRING = 0x03,
    DER_OCTET_STRING = 0x04,
    DER_NULL = 0x05,
    DER_OID = 0x06,
    DER_ENUMERATED = 0x0a,
    DER_UTF8_STRING = 0x0c,
    DER_PRINTABLE_STRING = 0x13,
    DER_IA5_STRING = 0x16,
    DER_UTC_TIME = 0x17,
    DER_GENERALIZED_TIME = 0x18,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31,
};

/* Context-specific tags: of a primitive value, and of one that holds others. */
#define DER_CONTEXT(number)     (uint8_t)(0x80u | (number))
#define DER_CONTEXT_SET(number) (uint8_t)(0xa0u | (number))

/* Takes one value with this tag. Errors: PS_E_INPUT. */
PS_MUST_USE enum ps_err der_take(struct ps_reader *reader, uint8_t tag,
                                 struct ps_bytes *ret_inside);

/* Takes an INTEGER above zero; yields its magnitude without leading zeros. Errors: PS_E_INPUT. */
PS_MUST_USE enum ps_err der_take_positive(struct ps_reader *reader, struct ps_bytes *ret_magnitude);

/* Octets of tag and length before `len` octets of content (below 2^24). */
size_t der_header_len(size_t len);
void der_put_header(struct ps_buf *out, uint8_t tag, size_t len);

/* A whole value with this content. */
void der_put(struct ps_buf *out, uint8_t tag, struct ps_bytes content);

/* A value whose content is put between the two; `start` is what der_begin returned. */
size_t der_begin(const struct ps_buf *out);
void der_end(struct ps_buf *out, uint8_t tag, size_t start);

/* A non-negative INTEGER; leading zeros of `magnitude` are dropped. */
size_t der_positive_len(struct ps_bytes magnitude);
void der_put_positive(struct ps_buf *out, struct ps_bytes magnitude);

/* `a` without the zero octets at its front. */
struct ps_bytes der_without_zeros(struct ps_bytes a);

#endif
