#include "tests/fuzz/fuzz.h"

#include "frontends/plugins/http/identity.h"

#include <assert.h>

/* What an identity system answers: it is taken, refused, or no answer, and nothing else. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct json *json;

    assert(json != NULL || json_new(&json) == PS_OK);
    for (int call = IDENTITY_SEND_OTP; call <= IDENTITY_KEYS; call++) {
        struct privyseal_auth_answer answer;

        identity_read(json, (enum identity_call)call, 200, ps_bytes(data, size), &answer);
        assert(answer.result != PRIVYSEAL_AUTH_AWAY);
        assert(answer.result != PRIVYSEAL_AUTH_OK || answer.detail.len == 0);
        assert(answer.result == PRIVYSEAL_AUTH_OK || answer.claims.len == 0);
        identity_read(json, (enum identity_call)call, 404, ps_bytes(data, size), &answer);
        assert(answer.result == PRIVYSEAL_AUTH_FAILED);
    }
    return 0;
}
