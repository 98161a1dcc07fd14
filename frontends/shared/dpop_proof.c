#include "frontends/shared/dpop_proof.h"

#include "lib/base/encode.h"
#include "lib/base/hash.h"
#include "lib/formats/jose/header.h"
#include "lib/formats/jose/jws.h"

#define JTI_MAX 256u

static enum ps_err deny(const char *why)
{
    return ps_fail(PS_E_DENIED, 0, "DPoP: %s", why);
}

/* RFC 9449 section 4.3, points 4 to 7: the signature is of the key that the header has. */
static enum ps_err verify(const struct jws_parsed *jws, struct dpop_proof *proof)
{
    PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;
    struct json_value header;
    struct json_value value;

    PS_TRY(jose_read_header(jws->header, &header));
    if (!json_member(header, "typ", &value) || !jose_says(value, "dpop+jwt")) {
        return deny("typ is not dpop+jwt");
    }
    if (jws->alg != PS_ALG_RS256 && jws->alg != PS_ALG_PS256 && jws->alg != PS_ALG_ES256) {
        return deny("alg is none of RS256, PS256 and ES256");
    }
    if (!json_member(header, "jwk", &value) || json_type(value) != JSON_OBJECT ||
        public_key_from_jwk_value(value, &key) != PS_OK) {
        return deny("jwk is no public key");
    }
    if (jws_verify(jws, key) != PS_OK) {
        return deny("the signature does not verify");
    }
    memcpy(proof->jkt, public_key_kid(key).data, sizeof proof->jkt);
    return PS_OK;
}

static bool says(struct json_value root, const char *name, struct ps_bytes text)
{
    struct json_value value;
    struct ps_bytes said;

    return json_member(root, name, &value) && json_string(value, &said) == PS_OK &&
           ps_bytes_equal(said, text);
}

/* Without query and fragment. */
static bool url_is(struct json_value root, const char *url)
{
    struct json_value value;
    struct ps_bytes said;
    size_t len = 0;

    if (!json_member(root, "htu", &value) || json_string(value, &said) != PS_OK) {
        return false;
    }
    while (len < said.len && said.data[len] != '?' && said.data[len] != '#') {
        len++;
    }
    return ps_bytes_equal_str(ps_bytes(said.data, len), url);
}

/* RFC 9449 section 4.2: ath, the hash of the token that the proof comes with. */
static bool is_for_token(const struct dpop_expected *expected, struct json_value root)
{
    uint8_t hash[PS_SHA256_LEN];
    char text[64];

    if (expected->token.len == 0) {
        return true;
    }
    ps_sha256(expected->token, hash);
    ps_base64url_encode(ps_bytes(hash, sizeof hash), text);
    return says(root, "ath", ps_bytes(text, ps_base64url_len(sizeof hash)));
}

static enum ps_err check_claims(const struct dpop_expected *expected, struct json_value root,
                                struct dpop_proof *proof)
{
    const int64_t now = (int64_t)expected->now_s;
    struct json_value value;
    int64_t issued_s;

    if (json_type(root) != JSON_OBJECT || !says(root, "htm", ps_bytes_str(expected->method)) ||
        !url_is(root, expected->url)) {
        return deny("htm or htu is not this request");
    }
    if (!json_member(root, "iat", &value) || json_integer(value, &issued_s) != PS_OK ||
        issued_s < now - (int64_t)DPOP_AGE_S || issued_s > now + (int64_t)DPOP_LEEWAY_S) {
        return deny("iat is not now");
    }
    if (!json_member(root, "jti", &value) || json_string(value, &proof->jti) != PS_OK ||
        proof->jti.len == 0 || proof->jti.len > JTI_MAX) {
        return deny("jti is missing");
    }
    if (!json_member(root, "nonce", &value) || json_string(value, &proof->nonce) != PS_OK) {
        proof->nonce = ps_bytes(NULL, 0);
    }
    proof->issued_s = issued_s < 0 ? 0 : (uint64_t)issued_s;
    return is_for_token(expected, root) ? PS_OK : deny("ath is of another token");
}

enum ps_err dpop_proof_read(struct ps_bytes text, const struct dpop_expected *expected,
                            struct json *json, struct ps_buf *memory, struct dpop_proof *ret_proof)
{
    const struct json_limits limits = {DPOP_MAX, 4, 100, false};
    struct dpop_proof proof = {.jti = {.len = 0}};
    struct jws_parsed jws;
    struct json_value root;
    enum ps_err err;

    if (text.len == 0 || text.len > DPOP_MAX || text.data[0] == '{' ||
        jws_parse(text, NULL, memory, &jws) != PS_OK || jws.unencoded ||
        json_parse(json, jws.payload, &limits, &root) != PS_OK) {
        return deny("there is no JWT");
    }
    PS_TRY(check_claims(expected, root, &proof));
    err = verify(&jws, &proof);
    if (err != PS_OK) {
        return err == PS_E_NO_MEMORY ? err : PS_E_DENIED;
    }
    *ret_proof = proof;
    return PS_OK;
}
