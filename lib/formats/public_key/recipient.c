#include "lib/formats/public_key/internal.h"

bool public_key_may_open(const struct public_key *key, struct ps_bytes sealed)
{
    const struct ps_bytes n = key->parts.n;

    return n.len != 0 && sealed.len == n.len && memcmp(sealed.data, n.data, n.len) < 0;
}

bool public_key_has_point(const struct public_key *key, struct ps_bytes point)
{
    const struct key_parts parts = {.type = key->parts.type, .point = point};
    PS_CLEANUP(public_key_free_cleanup) struct public_key *peer = NULL;
    const struct ps_key_type_info *info = ps_key_type_info(parts.type);

    return info->family == PS_FAMILY_EC && public_key_from_parts(&parts, &peer) == PS_OK;
}

struct ps_bytes public_key_point(const struct public_key *key)
{
    const struct ps_key_type_info *info = ps_key_type_info(key->parts.type);

    return info->family == PS_FAMILY_EC ? key->parts.point : ps_bytes(NULL, 0);
}
