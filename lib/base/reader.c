#include "lib/base/reader.h"

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

static uint64_t number(struct ps_reader *reader, size_t octets)
{
    const struct ps_bytes taken = ps_reader_take(reader, octets);
    uint64_t value = 0;

    for (size_t i = 0; i < taken.len; i++) {
        value = value << 8 | taken.data[i];
    }
    return value;
}

uint8_t ps_reader_u8(struct ps_reader *reader)
{
    return (uint8_t)number(reader, 1);
}

uint16_t ps_reader_u16(struct ps_reader *reader)
{
    return (uint16_t)number(reader, 2);
}

uint32_t ps_reader_u32(struct ps_reader *reader)
{
    return (uint32_t)number(reader, 4);
}

uint64_t ps_reader_u64(struct ps_reader *reader)
{
    return number(reader, 8);
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
