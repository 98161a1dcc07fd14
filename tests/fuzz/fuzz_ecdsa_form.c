#include "tests/fuzz/fuzz.h"

#include "pkcs11/use/ecdsa_form.h"

#include <assert.h>
#include <openssl/err.h>
#include <string.h>

/* A module's DER signature becomes R || S that makes the same DER again, or is refused. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t signature[600];
    uint8_t der[160];
    size_t len;
    size_t der_len;

    if (size > 512) {
        return 0;
    }
    memcpy(signature, data, size);
    if (ecdsa_form_to_raw(signature, size, 66, &len) == PS_OK) {
        assert(len == 132);
        assert(ecdsa_form_to_der(signature, 66, der, sizeof der, &der_len) == PS_OK);
        assert(der_len <= size);
    }
    ERR_clear_error();
    return 0;
}
