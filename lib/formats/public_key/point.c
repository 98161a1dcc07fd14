#include "lib/formats/public_key/public_key.h"

#include "lib/formats/public_key/internal.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>

#define WHOLE_MAX (1u + 2u * 66u)

static void free_group(EC_GROUP **group)
{
    EC_GROUP_free(*group);
}

static void free_point(EC_POINT **point)
{
    EC_POINT_free(*point);
}

static int curve_of(enum ps_key_type type)
{
    return type == PS_KEY_EC_P256 ? NID_X9_62_prime256v1 : NID_secp384r1;
}

/* 0x04, X and Y of a compressed point; false: it is none. */
static bool decompress(int curve, struct ps_bytes octets, uint8_t *whole, size_t len)
{
    PS_CLEANUP(free_group) EC_GROUP *group = EC_GROUP_new_by_curve_name(curve);
    PS_CLEANUP(free_point) EC_POINT *point = group == NULL ? NULL : EC_POINT_new(group);

    return point != NULL && EC_POINT_oct2point(group, point, octets.data, octets.len, NULL) == 1 &&
           EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, whole, len, NULL) == len;
}

enum ps_err public_key_from_point(enum ps_key_type type, struct ps_bytes octets,
                                  struct public_key **ret_key)
{
    const struct ps_key_type_info *info = ps_key_type_info(type);
    struct key_parts parts = {.type = type, .point = octets};
    uint8_t whole[WHOLE_MAX];

    if (type == PS_KEY_ED25519) {
        return public_key_from_parts(&parts, ret_key);
    }
    if ((type != PS_KEY_EC_P256 && type != PS_KEY_EC_P384) || octets.len != 1 + info->coordinate ||
        !decompress(curve_of(type), octets, whole, 1 + 2 * info->coordinate)) {
        ERR_clear_error();
        return ps_fail(PS_E_INPUT, 0, "no compressed point of a curve that we take");
    }
    parts.point = ps_bytes(whole + 1, 2 * info->coordinate);
    return public_key_from_parts(&parts, ret_key);
}
