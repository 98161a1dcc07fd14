#include "keystore/custody/pin_set.h"

struct values {
    struct ps_secret *of[SHARE_COUNT_MAX];
};

static void values_clear(struct values *values)
{
    for (size_t i = 0; i < SHARE_COUNT_MAX; i++) {
        ps_secret_free(values->of[i]);
    }
}

void pin_set_clear(struct pin_set *set)
{
    for (size_t i = 0; i < SHARE_COUNT_MAX; i++) {
        ps_buf_clear(&set->shares[i].sealed);
    }
}

static enum ps_err seal(const struct pin_set_spec *spec, size_t index, struct ps_bytes value,
                        struct pin_set_share *share)
{
    PS_BUF_AUTO octets = PS_BUF_SECRET(SHARE_OCTETS_MAX);
    uint8_t blind[SHARE_BLIND_LEN];
    enum ps_err err;
    struct share plain = {.pin = spec->pin,
                          .number = (uint8_t)(index + 1),
                          .threshold = (uint8_t)spec->threshold,
                          .count = (uint8_t)spec->count,
                          .token = spec->token,
                          .officer = spec->holders[index].officer,
                          .value = value,
                          .blind = ps_bytes(blind, sizeof blind)};

    memcpy(plain.set, spec->set.data, SHARE_SET_LEN);
    ps_random(blind, sizeof blind);
    err = share_put(&plain, &octets);
    ps_wipe(blind, sizeof blind);
    PS_TRY(err);
    share_commit(ps_buf_bytes(&octets), share->commitment);
    ps_buf_init(&share->sealed, CMS_SEALED_MAX);
    return cms_seal(spec->holders[index].certificate, ps_buf_bytes(&octets), &share->sealed);
}

static enum ps_err fill(const struct pin_set_spec *spec, struct ps_bytes pin, struct pin_set *set)
{
    PS_CLEANUP(values_clear) struct values values = {{NULL}};

    PS_TRY(share_split(pin, spec->threshold, (unsigned)spec->count, values.of));
    PS_TRY(pin_check_make(pin, &set->check));
    for (size_t i = 0; i < spec->count; i++) {
        PS_TRY(seal(spec, i, ps_secret_bytes(values.of[i]), &set->shares[i]));
    }
    set->count = spec->count;
    return PS_OK;
}

enum ps_err pin_set_make(const struct pin_set_spec *spec, struct ps_bytes pin,
                         struct pin_set *ret_set)
{
    enum ps_err err;

    if (spec->set.len != SHARE_SET_LEN || spec->count > SHARE_COUNT_MAX) {
        return ps_fail(PS_E_INPUT, 0, "at most %d people hold shares", SHARE_COUNT_MAX);
    }
    *ret_set = (struct pin_set){.count = 0};
    err = fill(spec, pin, ret_set);
    if (err != PS_OK) {
        pin_set_clear(ret_set);
        *ret_set = (struct pin_set){.count = 0};
    }
    return err;
}
