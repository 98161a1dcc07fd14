#include "frontends/shared/shares.h"

#include "lib/base/map.h"

#include <assert.h>
#include <stdlib.h>

struct share {
    uint8_t name[SHARES_NAME_LEN];
    size_t count;
};

struct shares {
    struct ps_map *map;
};

enum ps_err shares_new(struct shares **ret_shares)
{
    PS_CLEANUP(shares_free_cleanup) struct shares *shares = calloc(1, sizeof *shares);

    if (shares == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    PS_TRY(ps_map_new(&shares->map));
    *ret_shares = shares;
    shares = NULL;
    return PS_OK;
}

void shares_free(struct shares *shares)
{
    if (shares != NULL) {
        if (shares->map != NULL) {
            ps_map_free(shares->map, free);
        }
        free(shares);
    }
}

static enum ps_err add(struct shares *shares, const uint8_t name[SHARES_NAME_LEN],
                       struct share **ret_share)
{
    struct share *share = calloc(1, sizeof *share);
    enum ps_err err;

    if (share == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    memcpy(share->name, name, sizeof share->name);
    err = ps_map_add(shares->map, ps_bytes(share->name, sizeof share->name), share);
    if (err != PS_OK) {
        free(share);
        return err;
    }
    *ret_share = share;
    return PS_OK;
}

enum ps_err shares_take(struct shares *shares, const uint8_t name[SHARES_NAME_LEN], size_t most)
{
    struct share *share = ps_map_get(shares->map, ps_bytes(name, SHARES_NAME_LEN));

    assert(most != 0);
    if (share == NULL) {
        PS_TRY(add(shares, name, &share));
    }
    if (share->count >= most) {
        return ps_fail(PS_E_LIMIT, 0, "one alone has %zu of what many share", share->count);
    }
    share->count++;
    return PS_OK;
}

void shares_leave(struct shares *shares, const uint8_t name[SHARES_NAME_LEN])
{
    struct share *share = ps_map_get(shares->map, ps_bytes(name, SHARES_NAME_LEN));

    if (share != NULL && --share->count == 0) {
        (void)ps_map_remove(shares->map, ps_bytes(share->name, sizeof share->name));
        free(share);
    }
}
