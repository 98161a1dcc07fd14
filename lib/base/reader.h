#ifndef PS_BASE_READER_H
#define PS_BASE_READER_H

#include "lib/base/bytes.h"
#include "lib/base/err.h"

/*
 * Consumes octets from the front. The first short read makes every later one fail too, and yields
 * zeros or empty octets, so that the error can be looked at once, at the end.
 */
struct ps_reader {
    struct ps_bytes left;
    bool failed;
};

static inline struct ps_reader ps_reader(struct ps_bytes octets)
{
    return (struct ps_reader){.left = octets, .failed = false};
}

uint8_t ps_reader_u8(struct ps_reader *reader);
uint16_t ps_reader_u16(struct ps_reader *reader); /* big-endian, as all of these */
uint32_t ps_reader_u32(struct ps_reader *reader);
uint64_t ps_reader_u64(struct ps_reader *reader);
struct ps_bytes ps_reader_take(struct ps_reader *reader, size_t count);

/* PS_OK when nothing failed and nothing is left over; else PS_E_INPUT. */
PS_MUST_USE enum ps_err ps_reader_finish(const struct ps_reader *reader);

#endif
