#include "keystore/operations/custody/transport.h"

#include "keystore/operations/pins/so_pin.h"
#include "lib/base/encode.h"

const struct key_version *transport_version(const struct keeper *keeper)
{
    const struct key *key = keys_find(keeper->keys, ps_bytes_str(TRANSPORT_KEY_NAME));
    const struct key_version *latest = key == NULL ? NULL : key_latest(key);

    return latest == NULL || latest->state == KEY_DESTROYED ? NULL : latest;
}

struct make_spec transport_spec(const struct operation *op)
{
    return (struct make_spec){.keeper = op->keeper,
                              .token = op->token,
                              .type = PS_KEY_RSA_4096,
                              .usage = PS_USAGE_WRAP,
                              .label = ps_bytes_str(TRANSPORT_KEY_NAME)};
}

bool transport_has_pins(struct operation *op, struct ps_bytes token)
{
    const struct token *from = tokens_find(op->keeper->tokens, token);

    if (from == NULL || tokens_pin(from).len == 0) {
        operation_refuse(op, PS_PROBLEM_TOKEN_UNAVAILABLE,
                         "the token that they leave is not logged in: unlock it first");
        return false;
    }
    return so_pin_will_do(op, from);
}

void transport_fingerprint(const struct key_version *version, char out[2 * PS_SHA256_LEN + 1])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t hash[PS_SHA256_LEN];

    ps_sha256(version_spki(version), hash);
    for (size_t i = 0; i < sizeof hash; i++) {
        out[2 * i] = digits[hash[i] >> 4];
        out[2 * i + 1] = digits[hash[i] & 15];
    }
    out[2 * PS_SHA256_LEN] = 0;
}
