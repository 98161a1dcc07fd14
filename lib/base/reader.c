#include "lib/base/reader.h"

#include <endian.h>

struct ps_bytes ps_reader_take(struct ps_reader *reader, size_t count)
{
    struct ps_bytes taken;

    if (reader->failed || count > reader->left.len) {
        reader->failed = true;
        return ps_bytes(NULL, 0);
    }
    if (count == 0) {
        return ps_bytes(NULL, 0);
    }
    taken = ps_bytes(reader->left.data, count);
    reader->left = ps_bytes(reader->left.data + count, reader->left.len - count);
    return taken;
}

/* Fills the number as it stands there, or not at all. */
static void take_number(struct ps_reader *reader, void *number, size_t len)
{
    const struct ps_bytes taken = ps_reader_take(reader, len);

    if (taken.len == len) {
        memcpy(number, taken.data, len);
    }
}

uint8_t ps_reader_u8(struct ps_reader *reader)
{
    uint8_t number = 0;

    take_number(reader, &number, sizeof number);
    return number;
}

uint16_t ps_reader_u16(struct ps_reader *reader)
{
    uint16_t number = 0;

    take_number(reader, &number, sizeof number);
    return be16toh(number);
}

uint32_t ps_reader_u32(struct ps_reader *reader)
{
    uint32_t number = 0;

    take_number(reader, &number, sizeof number);
    return be32toh(number);
}

uint64_t ps_reader_u64(struct ps_reader *reader)
{
    uint64_t number = 0;

    take_number(reader, &number, sizeof number);
    return be64toh(number);
}

enum ps_err ps_reader_finish(const struct ps_reader *reader)
{
    if (reader->failed) {
        return ps_fail(PS_E_INPUT, 0, "ends too early");
    }
    if (reader->left.len != 0) {
        return ps_fail(PS_E_INPUT, 0, "%zu octets too many", reader->left.len);
    }
    return PS_OK;
}
