#include "lib/formats/cose/cwt.h"

/* The claims of RFC 8392 section 3.1 by their labels; raw.len is 0 where one is absent. */
struct claims {
    struct cbor_item item[CWT_CTI + 1];
};

static const char *const names[CWT_CTI + 1] = {
    [CWT_ISS] = "iss", [CWT_SUB] = "sub", [CWT_AUD] = "aud", [CWT_EXP] = "exp",
    [CWT_NBF] = "nbf", [CWT_IAT] = "iat", [CWT_CTI] = "cti"};

/* Section 3.1.3: one, or an array of them. */
static bool is_audience(const struct cbor_item *item)
{
    struct ps_reader reader = ps_reader(item->content);
    struct cbor_item one;

    if (item->kind != CBOR_ARRAY) {
        return item->kind == CBOR_TEXT;
    }
    for (uint64_t i = 0; i < item->number; i++) {
        if (cbor_take(&reader, CBOR_ORDERED, &one) != PS_OK || one.kind != CBOR_TEXT) {
            return false;
        }
    }
    return true;
}

/* Section 2: NumericDate without its tag; in whole seconds, since no time here is finer. */
static bool is_of_its_type(int label, const struct cbor_item *item)
{
    switch (label) {
    case CWT_ISS:
    case CWT_SUB:
        return item->kind == CBOR_TEXT;
    case CWT_AUD:
        return is_audience(item);
    case CWT_CTI:
        return item->kind == CBOR_BYTES;
    default:
        return item->kind == CBOR_UNSIGNED;
    }
}

static enum ps_err read_claims(const struct cbor_item *map, struct claims *claims)
{
    struct ps_reader reader = ps_reader(map->content);

    for (uint64_t i = 0; i < map->number; i++) {
        struct cbor_item key;
        struct cbor_item value;
        int64_t label = 0;

        PS_TRY(cbor_take(&reader, CBOR_ORDERED, &key));
        PS_TRY(cbor_take(&reader, CBOR_ORDERED, &value));
        if (key.kind != CBOR_TEXT && !cbor_integer(&key, &label)) {
            return ps_fail(PS_E_INPUT, 0, "a claim with a label that is no integer or text");
        }
        if (label < CWT_ISS || label > CWT_CTI) {
            continue;
        }
        if (!is_of_its_type((int)label, &value)) {
            return ps_fail(PS_E_INPUT, 0, "claim %d (%s) is of another type than it must be",
                           (int)label, names[label]);
        }
        claims->item[label] = value;
    }
    return PS_OK;
}

static void put_default(int label, const struct cwt_defaults *defaults, struct ps_buf *out)
{
    cbor_put_integer(out, label);
    if (label == CWT_CTI) {
        cbor_put_bytes(out, defaults->cti);
    } else {
        cbor_put_head(out, CBOR_UNSIGNED,
                      defaults->now_s + (label == CWT_EXP ? defaults->ttl_s : 0));
    }
}

/* Which are to be appended, in the order of their labels. */
static size_t choose_defaults(const struct claims *claims, const struct cwt_defaults *defaults,
                              int ret_labels[3])
{
    size_t count = 0;

    if (claims->item[CWT_EXP].raw.len == 0 && defaults->ttl_s != 0) {
        ret_labels[count++] = CWT_EXP;
    }
    if (claims->item[CWT_IAT].raw.len == 0) {
        ret_labels[count++] = CWT_IAT;
    }
    if (claims->item[CWT_CTI].raw.len == 0 && defaults->cti.len != 0) {
        ret_labels[count++] = CWT_CTI;
    }
    return count;
}

/* The order of keys is that of their octets, and those that are appended are one octet each. */
static enum ps_err put_merged(const struct cbor_item *map, const int *labels, size_t count,
                              const struct cwt_defaults *defaults, struct ps_buf *out)
{
    struct ps_reader reader = ps_reader(map->content);
    size_t next = 0;

    cbor_put_head(out, CBOR_MAP, map->number + count);
    for (uint64_t i = 0; i < map->number; i++) {
        struct cbor_item key;
        struct cbor_item value;

        PS_TRY(cbor_take(&reader, CBOR_ORDERED, &key));
        PS_TRY(cbor_take(&reader, CBOR_ORDERED, &value));
        while (next < count && labels[next] < key.raw.data[0]) {
            put_default(labels[next++], defaults, out);
        }
        ps_buf_put(out, key.raw);
        ps_buf_put(out, value.raw);
    }
    while (next < count) {
        put_default(labels[next++], defaults, out);
    }
    return ps_buf_status(out);
}

enum ps_err cwt_put_claims(struct ps_bytes claims_map, const struct cwt_defaults *defaults,
                           struct ps_buf *out)
{
    struct claims claims = {0};
    struct cbor_item map;
    int labels[3];
    size_t count;

    PS_TRY(cbor_parse(claims_map, CBOR_ORDERED, &map));
    if (map.kind != CBOR_MAP) {
        return ps_fail(PS_E_INPUT, 0, "the claims are no map");
    }
    PS_TRY(read_claims(&map, &claims));
    count = choose_defaults(&claims, defaults, labels);
    return put_merged(&map, labels, count, defaults, out);
}
