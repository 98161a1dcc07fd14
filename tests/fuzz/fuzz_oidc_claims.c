#include "tests/fuzz/fuzz.h"

#include "frontends/oidc/claims.h"

#include <assert.h>

/* What a plugin tells of a person: what is passed on is one JSON object, with nothing twice. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct json_limits limits = {4u << 20, 16, 20000, true};
    static struct json *json;
    PS_BUF_AUTO out = {.max = 4u << 20};
    struct json_value root;
    TRANSACTION_AUTO transaction;

    assert(json != NULL || json_new(&json) == PS_OK);
    transaction_init(&transaction);
    assert(transaction_set(&transaction, TRANSACTION_SUBJECT, ps_bytes_str("s")) == PS_OK);
    assert(transaction_set(&transaction, TRANSACTION_CLIENT, ps_bytes_str("c")) == PS_OK);
    assert(transaction_set(&transaction, TRANSACTION_ACCEPTED,
                           ps_bytes_str("name address email")) == PS_OK);
    if (size > TRANSACTION_CLAIMS_MAX ||
        transaction_set(&transaction, TRANSACTION_CLAIMS, ps_bytes(data, size)) != PS_OK ||
        claims_put_userinfo(&transaction, "https://a.example", json, &out) != PS_OK) {
        return 0;
    }
    assert(json_parse(json, ps_bytes(out.data, out.len - 1), &limits, &root) == PS_OK);
    assert(json_type(root) == JSON_OBJECT && json_count(root) >= 3);
    return 0;
}
