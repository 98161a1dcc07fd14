#include "lib/formats/cose/cose.h"
#include "lib/formats/public_key/internal.h"

#include "lib/base/encode.h"

/* RFC 9052 section 7.1, RFC 9053 section 7.1 and 7.2, RFC 8230 section 4. */
enum { KEY_KTY = 1, KEY_KID = 2, KEY_ALG = 3, KEY_OPS = 4 };
enum { KTY_OKP = 1, KTY_EC2 = 2, KTY_RSA = 3 };
enum { KEY_CRV = -1, KEY_X = -2, KEY_Y = -3, KEY_D = -4 };
enum { RSA_N = -1, RSA_E = -2, RSA_D = -3, RSA_LAST_PRIVATE = -12 };
enum { OPS_VERIFY = 2 };

#define PARAMETERS_MAX 8u
#define KEY_MAX        1024u

static enum ps_err bad(const char *what)
{
    return ps_fail(PS_E_INPUT, 0, "COSE_Key: %s", what);
}

static bool find_integer(const struct cbor_item *map, int64_t label, int64_t *ret_number)
{
    struct cbor_item value;

    return cbor_find(map, label, &value) && cbor_integer(&value, ret_number);
}

static enum ps_err find_octets(const struct cbor_item *map, int64_t label,
                               struct ps_bytes *ret_octets)
{
    struct cbor_item value;

    if (!cbor_find(map, label, &value) || value.kind != CBOR_BYTES || value.content.len == 0) {
        return ps_fail(PS_E_INPUT, 0, "COSE_Key: parameter %lld is missing or no byte string",
                       (long long)label);
    }
    *ret_octets = value.content;
    return PS_OK;
}

/* RFC 8230 section 4: numbers without zeros in front. */
static enum ps_err read_rsa(const struct cbor_item *map, struct key_parts *ret_parts)
{
    struct key_parts parts = {0};

    for (int64_t label = RSA_D; label >= RSA_LAST_PRIVATE; label--) {
        struct cbor_item value;

        if (cbor_find(map, label, &value)) {
            return bad("with the parameters of a private key");
        }
    }
    PS_TRY(find_octets(map, RSA_N, &parts.n));
    PS_TRY(find_octets(map, RSA_E, &parts.e));
    if (parts.n.data[0] == 0 || parts.e.data[0] == 0) {
        return bad("a number with a zero octet in front");
    }
    parts.type = key_rsa_type(parts.n.len);
    *ret_parts = parts;
    return PS_OK;
}

static enum ps_key_type curve_by_number(enum ps_key_family family, int64_t number)
{
    for (unsigned type = PS_KEY_NONE + 1; type < PS_KEY_COUNT; type++) {
        const struct ps_key_type_info *info = ps_key_type_info((enum ps_key_type)type);

        if (info->family == family && info->cose_crv == number) {
            return (enum ps_key_type)type;
        }
    }
    return PS_KEY_NONE;
}

/* RFC 9053 section 7.1.1: leading zero octets of a coordinate MUST be preserved. */
static enum ps_err read_curve(const struct cbor_item *map, enum ps_key_family family,
                              struct ps_buf *memory, struct key_parts *ret_parts)
{
    struct key_parts parts = {0};
    struct cbor_item value;
    struct ps_bytes octets;
    int64_t crv = 0;

    if (cbor_find(map, KEY_D, &value)) {
        return bad("with the parameters of a private key");
    }
    if (find_integer(map, KEY_CRV, &crv)) {
        parts.type = curve_by_number(family, crv);
    }
    if (parts.type == PS_KEY_NONE) {
        return bad("a curve we do not take");
    }
    PS_TRY(find_octets(map, KEY_X, &octets));
    ps_buf_put(memory, octets);
    if (family == PS_FAMILY_EC) {
        const size_t len = octets.len;

        PS_TRY(find_octets(map, KEY_Y, &octets));
        if (octets.len != len) {
            return bad("coordinates that are not of the field's length");
        }
        ps_buf_put(memory, octets);
    }
    parts.point = ps_buf_bytes(memory);
    *ret_parts = parts;
    return ps_buf_status(memory);
}

static enum ps_err read_parts(const struct cbor_item *map, struct ps_buf *memory,
                              struct key_parts *ret_parts)
{
    int64_t kty = 0;

    if (!find_integer(map, KEY_KTY, &kty)) {
        return bad("without a type");
    }
    switch (kty) {
    case KTY_RSA:
        return read_rsa(map, ret_parts);
    case KTY_EC2:
        return read_curve(map, PS_FAMILY_EC, memory, ret_parts);
    case KTY_OKP:
        return read_curve(map, PS_FAMILY_EDWARDS, memory, ret_parts);
    default:
        return bad("a key type we do not take");
    }
}

/* RFC 9052 section 7.1: key_ops, when there, restricts what the key may be used for. */
static enum ps_err check_operations(const struct cbor_item *map)
{
    struct cbor_item list;
    struct ps_reader reader;

    if (!cbor_find(map, KEY_OPS, &list)) {
        return PS_OK;
    }
    if (list.kind != CBOR_ARRAY) {
        return bad("key_ops is no array");
    }
    reader = ps_reader(list.content);
    for (uint64_t i = 0; i < list.number; i++) {
        struct cbor_item operation;
        int64_t number;

        PS_TRY(cbor_take(&reader, CBOR_ANY_ORDER, &operation));
        if (cbor_integer(&operation, &number) && number == OPS_VERIFY) {
            return PS_OK;
        }
    }
    return bad("its key_ops do not have verify");
}

static enum ps_err read_alg(const struct cbor_item *map, enum ps_alg *ret_alg)
{
    struct cbor_item value;
    int64_t number;

    if (!cbor_find(map, KEY_ALG, &value)) {
        *ret_alg = PS_ALG_NONE;
        return PS_OK;
    }
    *ret_alg = cbor_integer(&value, &number) ? cose_alg_by_number(number) : PS_ALG_NONE;
    return *ret_alg != PS_ALG_NONE ? PS_OK : bad("for an algorithm that we do not take");
}

enum ps_err cose_key_read(struct ps_bytes octets, struct public_key **ret_key, enum ps_alg *ret_alg)
{
    uint8_t point[2 * 66];
    struct ps_buf memory = {.data = point, .cap = sizeof point, .max = sizeof point};
    struct cbor_item map;
    struct key_parts parts;
    enum ps_alg alg = PS_ALG_NONE;
    enum ps_err err;

    PS_TRY(cbor_parse(octets, CBOR_ANY_ORDER, &map));
    if (map.kind != CBOR_MAP) {
        return bad("not a map");
    }
    PS_TRY(check_operations(&map));
    PS_TRY(read_alg(&map, &alg));
    err = read_parts(&map, &memory, &parts);
    if (err != PS_OK) {
        return err == PS_E_LIMIT ? bad("coordinates that are not of the field's length") : err;
    }
    PS_TRY(public_key_from_parts(&parts, ret_key));
    *ret_alg = alg;
    return PS_OK;
}

static enum ps_err put_octets(struct cbor_map *map, int64_t label, struct ps_bytes octets)
{
    PS_TRY(cbor_map_label(map, label));
    cbor_put_bytes(map->memory, octets);
    return PS_OK;
}

static enum ps_err put_integer(struct cbor_map *map, int64_t label, int64_t number)
{
    PS_TRY(cbor_map_label(map, label));
    cbor_put_integer(map->memory, number);
    return PS_OK;
}

static enum ps_err put_parts(const struct key_parts *parts, struct cbor_map *map)
{
    const struct ps_key_type_info *info = ps_key_type_info(parts->type);
    const bool is_ec = info->family == PS_FAMILY_EC;
    const size_t x_len = is_ec ? info->coordinate : parts->point.len;

    if (info->family == PS_FAMILY_RSA) {
        PS_TRY(put_integer(map, KEY_KTY, KTY_RSA));
        PS_TRY(put_octets(map, RSA_N, parts->n));
        return put_octets(map, RSA_E, parts->e);
    }
    PS_TRY(put_integer(map, KEY_KTY, is_ec ? KTY_EC2 : KTY_OKP));
    PS_TRY(put_integer(map, KEY_CRV, info->cose_crv));
    PS_TRY(put_octets(map, KEY_X, ps_bytes(parts->point.data, x_len)));
    return is_ec ? put_octets(map, KEY_Y, ps_bytes_from(parts->point, x_len)) : PS_OK;
}

enum ps_err cose_key_put(const struct public_key *key, enum ps_alg alg, struct ps_buf *out)
{
    struct cbor_pair pairs[PARAMETERS_MAX];
    PS_BUF_AUTO memory = {.max = KEY_MAX};
    struct cbor_map map = {.memory = &memory, .pairs = pairs, .room = PARAMETERS_MAX};

    PS_TRY(put_parts(&key->parts, &map));
    PS_TRY(put_octets(&map, KEY_KID, public_key_kid(key)));
    if (alg != PS_ALG_NONE) {
        PS_TRY(put_integer(&map, KEY_ALG, ps_alg_info(alg)->cose));
    }
    return cbor_put_map(&map, out);
}
