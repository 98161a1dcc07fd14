#include "frontends/oidc/dpop.h"

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
static enum ps_err verify(const struct jws_parsed *jws, struct dpop_key *ret_key)
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
    memcpy(ret_key->jkt, public_key_kid(key).data, sizeof ret_key->jkt);
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

static void make_nonce(char ret_nonce[DPOP_NONCE_LEN + 1])
{
    uint8_t random[16];

    ps_random(random, sizeof random);
    ps_base64url_encode(ps_bytes(random, sizeof random), ret_nonce);
    ret_nonce[DPOP_NONCE_LEN] = '\0';
}

const char *dpop_nonce(struct dpop_nonces *nonces, uint64_t now_s)
{
    if (nonces->newest[0] == '\0' || now_s >= nonces->since_s + DPOP_NONCE_S) {
        if (nonces->newest[0] != '\0' && now_s < nonces->since_s + 2 * DPOP_NONCE_S) {
            memcpy(nonces->before, nonces->newest, sizeof nonces->before);
        } else {
            make_nonce(nonces->before);
        }
        make_nonce(nonces->newest);
        nonces->since_s = now_s;
    }
    return nonces->newest;
}

static bool has_nonce(const struct dpop_request *request, struct json_value root)
{
    if (request->nonces == NULL) {
        return true;
    }
    (void)dpop_nonce(request->nonces, request->now_s);
    return says(root, "nonce", ps_bytes_str(request->nonces->newest)) ||
           says(root, "nonce", ps_bytes_str(request->nonces->before));
}

/* RFC 9449 section 4.2: ath, the hash of the token that the proof comes with. */
static bool is_for_token(const struct dpop_request *request, struct json_value root)
{
    uint8_t hash[PS_SHA256_LEN];
    char text[64];

    if (request->token.len == 0) {
        return true;
    }
    ps_sha256(request->token, hash);
    ps_base64url_encode(ps_bytes(hash, sizeof hash), text);
    return says(root, "ath", ps_bytes(text, ps_base64url_len(sizeof hash)));
}

static enum ps_err check_claims(const struct dpop_request *request, struct json_value root,
                                struct ps_bytes *ret_jti, int64_t *ret_issued_s)
{
    const int64_t now = (int64_t)request->now_s;
    struct json_value value;

    if (json_type(root) != JSON_OBJECT || !says(root, "htm", ps_bytes_str(request->method)) ||
        !url_is(root, request->url)) {
        return deny("htm or htu is not this request");
    }
    if (!json_member(root, "iat", &value) || json_integer(value, ret_issued_s) != PS_OK ||
        *ret_issued_s < now - (int64_t)DPOP_AGE_S || *ret_issued_s > now + (int64_t)DPOP_LEEWAY_S) {
        return deny("iat is not now");
    }
    if (!json_member(root, "jti", &value) || json_string(value, ret_jti) != PS_OK ||
        ret_jti->len == 0 || ret_jti->len > JTI_MAX) {
        return deny("jti is missing");
    }
    return is_for_token(request, root) ? PS_OK : deny("ath is of another token");
}

enum ps_err dpop_check(const struct dpop_request *request, struct ps_bytes proof,
                       struct dpop_key *ret_key)
{
    const struct json_limits limits = {DPOP_MAX, 4, 100, false};
    PS_BUF_AUTO memory = {.max = 4 * DPOP_MAX};
    struct dpop_key key = {.jkt = {0}};
    struct jws_parsed jws;
    struct json_value root;
    struct ps_bytes jti = ps_bytes(NULL, 0);
    int64_t issued_s = 0;
    enum ps_err err;

    if (proof.len == 0 || proof.len > DPOP_MAX || proof.data[0] == '{' ||
        jws_parse(proof, NULL, &memory, &jws) != PS_OK ||
        json_parse(request->json, jws.payload, &limits, &root) != PS_OK) {
        return deny("there is no JWT");
    }
    PS_TRY(check_claims(request, root, &jti, &issued_s));
    err = verify(&jws, &key);
    if (err != PS_OK) {
        return err == PS_E_NO_MEMORY ? err : PS_E_DENIED;
    }
    if (!has_nonce(request, root)) {
        return ps_fail(PS_E_STATE, 0, "DPoP: nonce is not one of ours");
    }
    if (store_may_forget(request->store, (uint64_t)issued_s - DPOP_LEEWAY_S)) {
        return deny("it was signed before this machine started");
    }
    err = store_use_once(request->store, ps_bytes(key.jkt, sizeof key.jkt), jti,
                         (uint64_t)issued_s + DPOP_AGE_S + DPOP_LEEWAY_S);
    if (err == PS_E_CONFLICT) {
        return deny("jti was used already");
    }
    PS_TRY(err);
    *ret_key = key;
    return PS_OK;
}
