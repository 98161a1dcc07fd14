#include "lib/formats/cose/cbor.h"

#include "lib/base/encode.h"

/* RFC 8949 section 3: the five low bits of a head. */
enum { INFO_ONE = 24, INFO_TWO, INFO_FOUR, INFO_EIGHT, INFO_RESERVED };

static enum ps_err bad(const char *what)
{
    return ps_fail(PS_E_INPUT, 0, "CBOR: %s", what);
}

static uint64_t take_argument(struct ps_reader *reader, unsigned info)
{
    switch (info) {
    case INFO_ONE:
        return ps_reader_u8(reader);
    case INFO_TWO:
        return ps_reader_u16(reader);
    case INFO_FOUR:
        return ps_reader_u32(reader);
    case INFO_EIGHT:
        return ps_reader_u64(reader);
    default:
        return info;
    }
}

/* RFC 8949 section 4.2.1: as short as possible. */
static bool is_shortest(unsigned info, uint64_t number)
{
    static const uint64_t least[] = {24, UINT64_C(1) << 8, UINT64_C(1) << 16, UINT64_C(1) << 32};

    return info < INFO_ONE || number >= least[info - INFO_ONE];
}

/*
 * Section 3.3: simple values below 32 have no octet of their own. In the ordered form there is no
 * floating point at all; elsewhere its octets are only passed over.
 */
static enum ps_err check_simple(unsigned info, enum cbor_order order, struct cbor_item *item)
{
    item->is_float = info > INFO_ONE;
    if (item->is_float && order == CBOR_ORDERED) {
        return bad("floating point");
    }
    return info != INFO_ONE || item->number >= 32 ? PS_OK : bad("a simple value in two octets");
}

static enum ps_err take_head(struct ps_reader *reader, enum cbor_order order,
                             struct cbor_item *ret_item)
{
    const uint8_t first = ps_reader_u8(reader);
    const unsigned info = first & 0x1fu;
    struct cbor_item item = {.kind = (enum cbor_kind)(first >> 5)};

    item.number = take_argument(reader, info);
    if (reader->failed) {
        return bad("ends too early");
    }
    if (info >= INFO_RESERVED) {
        return bad("a length that is not given, or a reserved head");
    }
    if (item.kind == CBOR_SIMPLE) {
        PS_TRY(check_simple(info, order, &item));
    } else if (!is_shortest(info, item.number)) {
        return bad("a number in more octets than it needs");
    }
    *ret_item = item;
    return PS_OK;
}

static enum ps_err take_at(struct ps_reader *reader, enum cbor_order order, unsigned depth,
                           struct cbor_item *ret_item);

static enum ps_err take_string(struct ps_reader *reader, struct cbor_item *item)
{
    if (item->number > reader->left.len) {
        return bad("ends too early");
    }
    item->content = ps_reader_take(reader, (size_t)item->number);
    if (item->kind == CBOR_TEXT && !ps_utf8_valid(item->content)) {
        return bad("text that is not UTF-8");
    }
    return PS_OK;
}

/* Each item is at least one octet: more than are left cannot follow. */
static enum ps_err take_items(struct ps_reader *reader, enum cbor_order order, unsigned depth,
                              uint64_t count)
{
    struct cbor_item item;

    if (count > reader->left.len) {
        return bad("ends too early");
    }
    for (uint64_t i = 0; i < count; i++) {
        PS_TRY(take_at(reader, order, depth + 1, &item));
    }
    return PS_OK;
}

/* Since every value has one encoding, keys are equal when their octets are. */
static enum ps_err check_key(struct ps_bytes *keys, size_t count, enum cbor_order order,
                             struct ps_bytes key)
{
    if (order == CBOR_ORDERED) {
        if (count != 0 && ps_bytes_compare(keys[0], key) >= 0) {
            return bad("the keys of a map are not in order, or one is there twice");
        }
        keys[0] = key;
        return PS_OK;
    }
    if (count == CBOR_UNORDERED_MAX) {
        return bad("a map with too many entries");
    }
    for (size_t i = 0; i < count; i++) {
        if (ps_bytes_equal(keys[i], key)) {
            return bad("a key is there twice in one map");
        }
    }
    keys[count] = key;
    return PS_OK;
}

static enum ps_err take_pairs(struct ps_reader *reader, enum cbor_order order, unsigned depth,
                              uint64_t count)
{
    struct ps_bytes keys[CBOR_UNORDERED_MAX];
    struct cbor_item item;

    if (count > reader->left.len / 2) {
        return bad("ends too early");
    }
    for (uint64_t i = 0; i < count; i++) {
        PS_TRY(take_at(reader, order, depth + 1, &item));
        PS_TRY(check_key(keys, (size_t)i, order, item.raw));
        PS_TRY(take_at(reader, order, depth + 1, &item));
    }
    return PS_OK;
}

static enum ps_err take_content(struct ps_reader *reader, enum cbor_order order, unsigned depth,
                                struct cbor_item *item)
{
    const struct ps_bytes before = reader->left;

    if (depth == CBOR_DEPTH_MAX) {
        return bad("too deep");
    }
    if (item->kind == CBOR_MAP) {
        PS_TRY(take_pairs(reader, order, depth, item->number));
    } else {
        PS_TRY(take_items(reader, order, depth, item->kind == CBOR_TAG ? 1 : item->number));
    }
    item->content = ps_bytes(before.data, before.len - reader->left.len);
    return PS_OK;
}

static enum ps_err take_at(struct ps_reader *reader, enum cbor_order order, unsigned depth,
                           struct cbor_item *ret_item)
{
    const struct ps_bytes before = reader->left;
    struct cbor_item item;

    PS_TRY(take_head(reader, order, &item));
    if (item.kind == CBOR_BYTES || item.kind == CBOR_TEXT) {
        PS_TRY(take_string(reader, &item));
    } else if (item.kind == CBOR_ARRAY || item.kind == CBOR_MAP || item.kind == CBOR_TAG) {
        PS_TRY(take_content(reader, order, depth, &item));
    }
    item.raw = ps_bytes(before.data, before.len - reader->left.len);
    *ret_item = item;
    return PS_OK;
}

enum ps_err cbor_take(struct ps_reader *reader, enum cbor_order order, struct cbor_item *ret_item)
{
    const enum ps_err err = take_at(reader, order, 0, ret_item);

    reader->failed = reader->failed || err != PS_OK;
    return err;
}

enum ps_err cbor_parse(struct ps_bytes octets, enum cbor_order order, struct cbor_item *ret_item)
{
    struct ps_reader reader = ps_reader(octets);
    struct cbor_item item;

    PS_TRY(cbor_take(&reader, order, &item));
    if (reader.left.len != 0) {
        return bad("something stands behind its end");
    }
    *ret_item = item;
    return PS_OK;
}

bool cbor_integer(const struct cbor_item *item, int64_t *ret_number)
{
    if (item->kind > CBOR_NEGATIVE || item->number > INT64_MAX) {
        return false;
    }
    *ret_number = item->kind == CBOR_UNSIGNED ? (int64_t)item->number : -1 - (int64_t)item->number;
    return true;
}

bool cbor_is_simple(const struct cbor_item *item, uint64_t value)
{
    return item->kind == CBOR_SIMPLE && !item->is_float && item->number == value;
}

bool cbor_find(const struct cbor_item *map, int64_t label, struct cbor_item *ret_value)
{
    struct ps_reader reader = ps_reader(map->content);

    for (uint64_t i = 0; i < map->number; i++) {
        struct cbor_item key;
        struct cbor_item value;
        int64_t number;

        if (cbor_take(&reader, CBOR_ANY_ORDER, &key) != PS_OK ||
            cbor_take(&reader, CBOR_ANY_ORDER, &value) != PS_OK) {
            return false;
        }
        if (cbor_integer(&key, &number) && number == label) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}
