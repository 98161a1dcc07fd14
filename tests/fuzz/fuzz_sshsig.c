#include "tests/fuzz/fuzz.h"

#include "lib/base/encode.h"
#include "lib/formats/ssh/sshsig.h"

#include <assert.h>

/* What is read without verifying is never malformed to the one that verifies. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sshsig_policy policy = {.application = "ssh:", .presence = true};
    struct ps_bytes text = ps_bytes(data, size);
    PS_BUF_AUTO dressed = {.max = 2 * SSHSIG_ARMORED_MAX}; /* to get past base64 */
    SSHSIG_CLAIM_AUTO claim = {0};
    struct sshsig_seen seen;

    if (ps_bytes_starts_with(text, ps_bytes_str("SSHSIG"))) {
        ps_buf_put_str(&dressed, "-----BEGIN SSH SIGNATURE-----\n");
        for (; text.len != 0; text = ps_bytes_from(text, 57)) {
            ps_buf_put_base64(&dressed, ps_bytes(text.data, text.len < 57 ? text.len : 57));
            ps_buf_put_u8(&dressed, '\n');
        }
        ps_buf_put_str(&dressed, "-----END SSH SIGNATURE-----\n");
        text = ps_buf_bytes(&dressed);
    }
    assert(sshsig_peek(text, &claim) != PS_OK ||
           sshsig_verify(text, claim.key, claim.namespace, text, &policy, &seen) == PS_E_DENIED);
    return 0;
}
