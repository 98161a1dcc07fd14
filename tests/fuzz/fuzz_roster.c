#include "tests/fuzz/fuzz.h"

#include "lib/ceremony/people/lockout.h"

#include <assert.h>

/* A roster that can be read is written again as the same octets. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    PS_CLEANUP(roster_free_cleanup) struct roster *roster = NULL;
    PS_CLEANUP(roster_free_cleanup) struct roster *copy = NULL;
    PS_BUF_AUTO out = {.max = ROSTER_OCTETS_MAX};
    struct policy policy;

    policy_set_defaults(&policy);
    if (roster_parse(ps_bytes(data, size), &roster) == PS_OK &&
        roster_copy(roster, &copy) == PS_OK) {
        roster_put(copy, &out);
        assert(ps_buf_status(&out) == PS_OK);
        assert(ps_bytes_equal(ps_buf_bytes(&out), ps_bytes(data, size)));
        (void)!lockout_check(roster, &policy, UINT64_C(1780000000), NULL);
    }
    return 0;
}
