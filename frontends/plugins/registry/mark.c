#include "frontends/plugins/registry/mark.h"

#include "frontends/plugins/registry/persons.h"

#include <assert.h>
#include <openssl/hmac.h>

#define PARTS_MAX 5u

/* A part's length goes in with it, through hashes of one length each. */
void mark_make(const uint8_t *secret, const struct ps_bytes *parts, size_t count,
               uint8_t ret_mark[MARK_LEN])
{
    uint8_t hashes[PARTS_MAX][PS_SHA256_LEN];
    const uint8_t *made;
    unsigned len = 0;

    assert(count <= PARTS_MAX);
    for (size_t i = 0; i < count; i++) {
        ps_sha256(parts[i], hashes[i]);
    }
    made = HMAC(EVP_sha256(), secret, REGISTRY_SECRET_LEN, hashes[0], count * PS_SHA256_LEN,
                ret_mark, &len);
    /* Without a MAC there is no way on. */
    assert(made == ret_mark && len == MARK_LEN);
}
