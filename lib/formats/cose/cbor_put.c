#include "lib/formats/cose/cbor.h"

#include <stdlib.h>

/* RFC 8949 sections 3 and 4.2.1. */
void cbor_put_head(struct ps_buf *out, enum cbor_kind kind, uint64_t number)
{
    const unsigned major = (unsigned)kind << 5;

    if (number < 24) {
        ps_buf_put_u8(out, (uint8_t)(major | number));
    } else if (number <= UINT8_MAX) {
        ps_buf_put_u8(out, (uint8_t)(major | 24u));
        ps_buf_put_u8(out, (uint8_t)number);
    } else if (number <= UINT16_MAX) {
        ps_buf_put_u8(out, (uint8_t)(major | 25u));
        ps_buf_put_u16(out, (uint16_t)number);
    } else if (number <= UINT32_MAX) {
        ps_buf_put_u8(out, (uint8_t)(major | 26u));
        ps_buf_put_u32(out, (uint32_t)number);
    } else {
        ps_buf_put_u8(out, (uint8_t)(major | 27u));
        ps_buf_put_u64(out, number);
    }
}

void cbor_put_integer(struct ps_buf *out, int64_t number)
{
    if (number < 0) {
        cbor_put_head(out, CBOR_NEGATIVE, (uint64_t)(-1 - number));
    } else {
        cbor_put_head(out, CBOR_UNSIGNED, (uint64_t)number);
    }
}

void cbor_put_bytes(struct ps_buf *out, struct ps_bytes octets)
{
    cbor_put_head(out, CBOR_BYTES, octets.len);
    ps_buf_put(out, octets);
}

void cbor_put_text(struct ps_buf *out, struct ps_bytes text)
{
    cbor_put_head(out, CBOR_TEXT, text.len);
    ps_buf_put(out, text);
}

static void end_pair(struct cbor_map *map)
{
    if (map->count != 0) {
        map->pairs[map->count - 1].len = map->memory->len - map->pairs[map->count - 1].at;
    }
}

enum ps_err cbor_map_key(struct cbor_map *map, struct ps_bytes encoded_key)
{
    end_pair(map);
    if (map->count == map->room) {
        return ps_fail(PS_E_LIMIT, 0, "CBOR: more than %zu entries in a map", map->room);
    }
    map->pairs[map->count++] =
        (struct cbor_pair){.at = map->memory->len, .key_len = encoded_key.len};
    ps_buf_put(map->memory, encoded_key);
    return ps_buf_status(map->memory);
}

enum ps_err cbor_map_label(struct cbor_map *map, int64_t label)
{
    uint8_t octets[9];
    struct ps_buf key = {.data = octets, .cap = sizeof octets, .max = sizeof octets};

    cbor_put_integer(&key, label);
    return cbor_map_key(map, ps_buf_bytes(&key));
}

enum ps_err cbor_map_add_all(struct cbor_map *map, struct ps_bytes encoded_map)
{
    struct ps_reader reader;
    struct cbor_item item;

    PS_TRY(cbor_parse(encoded_map, CBOR_ORDERED, &item));
    if (item.kind != CBOR_MAP) {
        return ps_fail(PS_E_INPUT, 0, "CBOR: not a map");
    }
    reader = ps_reader(item.content);
    for (uint64_t i = 0; i < item.number; i++) {
        struct cbor_item key;
        struct cbor_item value;

        PS_TRY(cbor_take(&reader, CBOR_ORDERED, &key));
        PS_TRY(cbor_take(&reader, CBOR_ORDERED, &value));
        PS_TRY(cbor_map_key(map, key.raw));
        ps_buf_put(map->memory, value.raw);
    }
    return ps_buf_status(map->memory);
}

static int compare_keys(const void *a, const void *b)
{
    const struct cbor_pair *one = a;
    const struct cbor_pair *other = b;

    return ps_bytes_compare(one->key, other->key);
}

/* The memory does not move any more. */
static void sort(struct cbor_map *map)
{
    for (size_t i = 0; i < map->count; i++) {
        map->pairs[i].key = ps_bytes(map->memory->data + map->pairs[i].at, map->pairs[i].key_len);
    }
    if (map->count > 1) {
        qsort(map->pairs, map->count, sizeof *map->pairs, compare_keys);
    }
}

enum ps_err cbor_put_map(struct cbor_map *map, struct ps_buf *out)
{
    end_pair(map);
    PS_TRY(ps_buf_status(map->memory));
    sort(map);
    cbor_put_head(out, CBOR_MAP, map->count);
    for (size_t i = 0; i < map->count; i++) {
        const struct cbor_pair *pair = &map->pairs[i];

        if (i != 0 && ps_bytes_equal(map->pairs[i - 1].key, pair->key)) {
            return ps_fail(PS_E_INPUT, 0, "CBOR: a key is there twice in one map");
        }
        ps_buf_put(out, ps_bytes(map->memory->data + pair->at, pair->len));
    }
    return ps_buf_status(out);
}
