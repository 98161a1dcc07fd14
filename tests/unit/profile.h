#ifndef TESTS_UNIT_PROFILE_H
#define TESTS_UNIT_PROFILE_H

#include "tests/unit/support.h"

#include "pkcs11/module/profile.h"

/* SoftHSM's, as it is installed. */
static inline PS_UNUSED void read_softhsm_profile(struct profile *ret_profile)
{
    PS_BUF_AUTO file = {.max = 65536};
    char path[512];

    (void)snprintf(path, sizeof path, "%s/firmware-profiles/softhsm2.json", source_root());
    assert_true(read_file(path, &file));
    assert_ok(profile_read(ps_buf_bytes(&file), ret_profile));
}

#endif
