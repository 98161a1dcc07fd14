#include "tests/fuzz/fuzz.h"

#include "lib/ceremony/custody/share_cms.h"

/* A sealed share from anywhere, and a certificate that somebody names as theirs. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t key[OFFICER_KEY_LEN] = {1};
    PS_BUF_AUTO out = {.max = CMS_CONTENT_MAX};

    if (cms_open(ps_bytes(data, size), ps_bytes(key, sizeof key), &out) != PS_OK &&
        cms_check_recipient(ps_bytes(data, size)) == PS_OK) {
        ps_buf_reset(&out);
        out.max = CMS_SEALED_MAX;
        if (cms_seal(ps_bytes(data, size), ps_bytes(key, sizeof key), &out) != PS_OK) {
            return 0;
        }
    }
    return 0;
}
