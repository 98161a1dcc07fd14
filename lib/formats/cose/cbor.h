#ifndef FORMATS_COSE_CBOR_H
#define FORMATS_COSE_CBOR_H

#include "lib/base/buf.h"
#include "lib/base/reader.h"

/*
 * CBOR (RFC 8949) in the preferred form of its section 4.1 alone: definite lengths, and every
 * number in the fewest octets, so that equal values have equal octets. What is read is borrowed,
 * nothing is allocated for what a head announces. docs/decisions/0023 says why not by libcbor.
 */

/* The major types, RFC 8949 section 3.1, in its order. */
enum cbor_kind {
    CBOR_UNSIGNED,
    CBOR_NEGATIVE,
    CBOR_BYTES,
    CBOR_TEXT,
    CBOR_ARRAY,
    CBOR_MAP,
    CBOR_TAG,
    CBOR_SIMPLE /* and floating point */
};

enum { CBOR_FALSE = 20, CBOR_TRUE = 21, CBOR_NULL = 22 };

/* Arrays, maps and tags within each other. */
#define CBOR_DEPTH_MAX 16u

/* Entries of a map in any order: they are compared each with each. */
#define CBOR_UNORDERED_MAX 64u

/*
 * CBOR_ORDERED: core deterministic encoding (RFC 8949 section 4.2.1), the keys of a map in the
 * bytewise order of their octets; and without floating point, which nothing that is signed needs.
 * CBOR_ANY_ORDER: what other programs made; at most CBOR_UNORDERED_MAX entries in a map.
 */
enum cbor_order { CBOR_ORDERED, CBOR_ANY_ORDER };

/* One item. The octets are borrowed from what was read. */
struct cbor_item {
    enum cbor_kind kind;
    /* The value; of CBOR_NEGATIVE -1 minus it; of strings, arrays and maps how many octets, items
     * or pairs; the number of a tag; the simple value, or what stands in a float's octets */
    uint64_t number;
    bool is_float;
    struct ps_bytes content; /* of a string its octets, of arrays, maps and tags the items in it */
    struct ps_bytes raw;     /* all of it with its head */
};

/*
 * Takes one item with all that is in it.
 * Errors: PS_E_INPUT: ends too early, not in the form above, too deep, text that is not UTF-8, a
 * key twice in one map; the reader then has failed
 */
PS_MUST_USE enum ps_err cbor_take(struct ps_reader *reader, enum cbor_order order,
                                  struct cbor_item *ret_item);

/* The same, and there is nothing behind it. */
PS_MUST_USE enum ps_err cbor_parse(struct ps_bytes octets, enum cbor_order order,
                                   struct cbor_item *ret_item);

/* The value of a CBOR_UNSIGNED or CBOR_NEGATIVE. False: another kind, or outside int64_t. */
bool cbor_integer(const struct cbor_item *item, int64_t *ret_number);
bool cbor_is_simple(const struct cbor_item *item, uint64_t value);

/*
 * Finds an integer key; false when the map has none. `map` was read by cbor_take, any order.
 */
bool cbor_find(const struct cbor_item *map, int64_t label, struct cbor_item *ret_value);

/* Writing: the fewest octets. A map's pairs are written in order by the caller. */
void cbor_put_head(struct ps_buf *out, enum cbor_kind kind, uint64_t number);
void cbor_put_integer(struct ps_buf *out, int64_t number);
void cbor_put_bytes(struct ps_buf *out, struct ps_bytes octets);
void cbor_put_text(struct ps_buf *out, struct ps_bytes text);

/*
 * A map that is written in the order of its keys, whatever order they come in. `memory` holds its
 * pairs meanwhile.
 */
struct cbor_pair {
    size_t at; /* where in `memory` */
    size_t key_len;
    size_t len;          /* of both */
    struct ps_bytes key; /* once all are there */
};
struct cbor_map {
    struct ps_buf *memory;
    struct cbor_pair *pairs;
    size_t room; /* for so many pairs */
    size_t count;
};

/*
 * Between a key and the next one its value is put into `memory`: exactly one item.
 * Errors: PS_E_LIMIT when there is no room
 */
PS_MUST_USE enum ps_err cbor_map_key(struct cbor_map *map, struct ps_bytes encoded_key);
PS_MUST_USE enum ps_err cbor_map_label(struct cbor_map *map, int64_t label);
/* All pairs of a map in the ordered form. */
PS_MUST_USE enum ps_err cbor_map_add_all(struct cbor_map *map, struct ps_bytes encoded_map);

/* Errors: PS_E_INPUT when a key was put twice; those of the buffers */
PS_MUST_USE enum ps_err cbor_put_map(struct cbor_map *map, struct ps_buf *out);

#endif
