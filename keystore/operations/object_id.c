#include "keystore/operations/object.h"

#include "lib/base/hash.h"

#include <string.h>

#define RANDOM_LEN 10u

static void put_mark(struct ps_bytes origin, uint8_t id[OBJECT_ID_LEN])
{
    const struct ps_bytes parts[] = {ps_bytes_str("privyseal object id\n"), origin,
                                     ps_bytes_str("\n"), ps_bytes(id, RANDOM_LEN)};
    uint8_t hash[PS_HASH_MAX];

    ps_hash_parts(PS_SHA256, parts, PS_COUNT_OF(parts), hash);
    memcpy(id + RANDOM_LEN, hash, OBJECT_ID_LEN - RANDOM_LEN);
}

void object_id_choose(struct ps_bytes origin, uint8_t ret_id[OBJECT_ID_LEN])
{
    ps_random(ret_id, RANDOM_LEN);
    put_mark(origin, ret_id);
}

bool object_id_is_chosen(struct ps_bytes origin, const uint8_t id[OBJECT_ID_LEN])
{
    uint8_t wanted[OBJECT_ID_LEN];

    memcpy(wanted, id, RANDOM_LEN);
    put_mark(origin, wanted);
    return memcmp(wanted, id, OBJECT_ID_LEN) == 0;
}
