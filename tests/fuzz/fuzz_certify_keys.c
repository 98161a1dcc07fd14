#include "tests/fuzz/fuzz.h"

#include "frontends/certify/did.h"
#include "frontends/certify/token_keys.h"

#include <assert.h>

/* JWK sets from an authorization server; the appliance's own, and its keys, as a DID document. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct token_key_set set;
    const struct ps_bytes did = ps_bytes_str("did:web:a.example");
    PS_BUF_AUTO document = {.max = 8u << 20};
    const enum ps_err err = token_key_set_parse(ps_bytes(data, size), &set);

    assert(err == PS_OK || set.count == 0);
    token_key_set_clear(&set);
    if (did_put_document(did, ps_bytes(data, size), ps_bytes_str("[]"), &document) == PS_OK) {
        assert(document.len != 0 && document.data[document.len - 1] == '}');
    }
    ps_buf_reset(&document);
    if (did_put_document(did, ps_bytes_str("{\"keys\":[]}"), ps_bytes(data, size), &document) ==
        PS_OK) {
        assert(document.data[document.len - 1] == '}');
    }
    return 0;
}
