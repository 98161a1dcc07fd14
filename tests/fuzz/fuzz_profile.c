#include "tests/fuzz/fuzz.h"

#include "pkcs11/module/profile.h"

#include <assert.h>
#include <string.h>

/* Whatever a profile is, what was read of it stays within its bounds. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct profile profile;

    if (profile_read(ps_bytes(data, size), &profile) != PS_OK) {
        return 0;
    }
    assert(profile.pin_min <= profile.pin_max && profile.random_max > 0);
    assert(memchr(profile.id, 0, sizeof profile.id) != NULL);
    assert(profile.attributes_count <= PROFILE_ATTRIBUTES_MAX);
    for (size_t i = 0; i < profile.rules_count; i++) {
        assert(profile.rules[i].rv != CKR_OK && profile.rules[i].class != FAULT_NONE);
    }
    return 0;
}
