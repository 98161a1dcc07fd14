#include "frontends/certify/holder.h"

#include "lib/base/base58.h"
#include "lib/base/encode.h"

#define DID_KEY     "did:key:z"
#define DID_JWK     "did:jwk:"
#define JWK_MAX     4096u
#define DID_KEY_MAX 128u

static enum ps_err refuse(const char *why)
{
    return ps_fail(PS_E_INPUT, 0, "the proof's key: %s", why);
}

/* The codec of a Multikey is a varint in front of it. */
static enum ps_err from_multikey(struct ps_bytes octets, struct public_key **ret_key)
{
    static const struct {
        uint8_t codec[2];
        enum ps_key_type type;
    } codecs[] = {
        {{0xed, 0x01}, PS_KEY_ED25519},
        {{0x80, 0x24}, PS_KEY_EC_P256},
        {{0x81, 0x24}, PS_KEY_EC_P384},
    };

    for (size_t i = 0; i < PS_COUNT_OF(codecs); i++) {
        if (ps_bytes_starts_with(octets, ps_bytes(codecs[i].codec, sizeof codecs[i].codec))) {
            return public_key_from_point(codecs[i].type,
                                         ps_bytes_from(octets, sizeof codecs[i].codec), ret_key);
        }
    }
    return refuse("a did:key of another type");
}

static enum ps_err from_did_key(struct ps_bytes did, struct public_key **ret_key)
{
    PS_BUF_AUTO octets = {.max = DID_KEY_MAX};

    PS_TRY(ps_base58btc_decode(ps_bytes_from(did, sizeof DID_KEY - 1), &octets));
    return from_multikey(ps_buf_bytes(&octets), ret_key);
}

static enum ps_err from_did_jwk(struct ps_bytes did, struct public_key **ret_key)
{
    PS_BUF_AUTO jwk = {.max = JWK_MAX};

    PS_TRY(ps_base64url_decode(ps_bytes_from(did, sizeof DID_JWK - 1), &jwk));
    return public_key_from_jwk(ps_buf_bytes(&jwk), ret_key);
}

/* The fragment names a DID's one key, as its method says, or is left out. */
static bool fragment_fits(struct ps_bytes did, struct ps_bytes fragment)
{
    if (fragment.len == 0 || ps_bytes_equal_str(fragment, "0")) {
        return true;
    }
    return ps_bytes_equal(fragment, ps_bytes_from(did, sizeof DID_KEY - 2));
}

enum ps_err holder_from_kid(struct ps_bytes kid, struct ps_buf *did, struct public_key **ret_key)
{
    const uint8_t *hash = memchr(kid.data, '#', kid.len);
    const struct ps_bytes alone =
        ps_bytes(kid.data, hash == NULL ? kid.len : (size_t)(hash - kid.data));
    const bool is_jwk = ps_bytes_starts_with(alone, ps_bytes_str(DID_JWK));
    PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;

    if (!is_jwk && !ps_bytes_starts_with(alone, ps_bytes_str(DID_KEY))) {
        return refuse("kid is neither a did:jwk nor a did:key");
    }
    if (!fragment_fits(alone, ps_bytes_from(kid, alone.len + 1))) {
        return refuse("kid names another key than the one of its DID");
    }
    if ((is_jwk ? from_did_jwk(alone, &key) : from_did_key(alone, &key)) != PS_OK) {
        return refuse("no public key that we take");
    }
    ps_buf_put(did, alone);
    PS_TRY(ps_buf_status(did));
    *ret_key = key;
    key = NULL;
    return PS_OK;
}

enum ps_err holder_from_jwk(struct json_value jwk, struct ps_buf *did, struct public_key **ret_key)
{
    PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;
    PS_BUF_AUTO bare = {.max = JWK_MAX};

    if (public_key_from_jwk_value(jwk, &key) != PS_OK) {
        return refuse("no public key that we take");
    }
    public_key_put_bare_jwk(key, &bare);
    PS_TRY(ps_buf_status(&bare));
    ps_buf_put_str(did, DID_JWK);
    ps_buf_put_base64url(did, ps_buf_bytes(&bare));
    PS_TRY(ps_buf_status(did));
    *ret_key = key;
    key = NULL;
    return PS_OK;
}
