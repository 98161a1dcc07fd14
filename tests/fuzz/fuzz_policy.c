#include "tests/fuzz/fuzz.h"

#include "lib/ceremony/people/policy.h"

#include <assert.h>

/* A policy that can be read is written again as the same octets. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    PS_BUF_AUTO out = {.max = POLICY_OCTETS_MAX};
    struct policy policy;

    if (policy_parse(ps_bytes(data, size), &policy) == PS_OK) {
        policy_put(&policy, &out);
        assert(ps_buf_status(&out) == PS_OK);
        assert(ps_bytes_equal(ps_buf_bytes(&out), ps_bytes(data, size)));
        (void)!policy_check(&policy, false);
    }
    return 0;
}
