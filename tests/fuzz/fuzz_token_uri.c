#include "tests/fuzz/fuzz.h"

#include "pkcs11/module/slot.h"

#include <assert.h>
#include <string.h>

/* What is taken for a token's URI can hold neither a PIN nor anything after a "?". */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    PS_CLEANUP(token_uri_free_cleanup) struct token_uri *uri = NULL;

    if (token_uri_parse(ps_bytes(data, size), &uri) == PS_OK && size != 0) {
        assert(size > 7 && memcmp(data, "pkcs11:", 7) == 0);
        assert(memchr(data, '?', size) == NULL && memchr(data, 0, size) == NULL);
    }
    return 0;
}
