#include "lib/ceremony/custody/pin_check.h"

#include "lib/base/hash.h"
#include "lib/base/secret.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#define COST_N     32768u
#define COST_R     8u
#define COST_P     1u
#define MEMORY_MAX (64u * 1024u * 1024u)

static enum ps_err derive(struct ps_bytes pin, const uint8_t *salt, uint8_t *out)
{
    if (EVP_PBE_scrypt((const char *)pin.data, pin.len, salt, PIN_CHECK_SALT, COST_N, COST_R,
                       COST_P, MEMORY_MAX, out, PIN_CHECK_VALUE) != 1) {
        ERR_clear_error();
        return ps_fail(PS_E_NO_MEMORY, 0, "no memory to check a PIN (scrypt)");
    }
    return PS_OK;
}

enum ps_err pin_check_make(struct ps_bytes pin, struct pin_check *ret_check)
{
    struct pin_check check = {.salt = {0}};

    ps_random(check.salt, sizeof check.salt);
    PS_TRY(derive(pin, check.salt, check.value));
    *ret_check = check;
    return PS_OK;
}

enum ps_err pin_check_compare(const struct pin_check *check, struct ps_bytes pin)
{
    uint8_t value[PIN_CHECK_VALUE];
    bool equal;

    PS_TRY(derive(pin, check->salt, value));
    equal = ps_bytes_equal_secret(ps_bytes(value, sizeof value),
                                  ps_bytes(check->value, sizeof check->value));
    ps_wipe(value, sizeof value);
    return equal ? PS_OK : ps_fail(PS_E_DENIED, 0, "it is another PIN");
}
