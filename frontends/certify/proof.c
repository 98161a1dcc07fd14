#include "frontends/certify/proof.h"

#include "frontends/certify/claims.h"
#include "frontends/certify/holder.h"
#include "lib/formats/jose/jws.h"

#define TYPE "openid4vci-proof+jwt"

static const struct json_limits limits = {PROOF_MAX, 8, 200, false};

const char proof_algorithms[] = "[\"ES256\",\"ES384\",\"EdDSA\",\"PS256\",\"RS256\"]";

static bool is_taken(enum ps_alg alg)
{
    return alg == PS_ALG_ES256 || alg == PS_ALG_ES384 || alg == PS_ALG_EDDSA ||
           alg == PS_ALG_PS256 || alg == PS_ALG_RS256;
}

void proof_init(struct proof *proof)
{
    *proof = (struct proof){
        .did = {.max = PROOF_MAX}, .jwk = {.max = PROOF_MAX}, .nonce = {.max = PROOF_MAX}};
}

void proof_clear(struct proof *proof)
{
    ps_buf_clear(&proof->did);
    ps_buf_clear(&proof->jwk);
    ps_buf_clear(&proof->nonce);
}

static enum ps_err refuse(const char *why)
{
    return ps_fail(PS_E_INPUT, 0, "the proof %s", why);
}

/*
 * "jwk MUST NOT be present if kid or x5c is present", and one of them has to be: appendix F.1. We
 * know no key by x5c or trust_chain.
 */
static enum ps_err read_key(struct json_value header, struct proof *proof,
                            struct public_key **ret_key)
{
    struct json_value other;
    struct json_value jwk;
    struct ps_bytes kid;
    const bool has_jwk = json_member(header, "jwk", &jwk);
    const bool has_kid = json_member(header, "kid", &other);

    if (json_member(header, "x5c", &other) || json_member(header, "trust_chain", &other)) {
        return refuse("has an x5c or trust_chain, which is not supported");
    }
    if (has_jwk == has_kid) {
        return refuse("has to have one of jwk and kid");
    }
    if (has_jwk) {
        return json_type(jwk) == JSON_OBJECT ? holder_from_jwk(jwk, &proof->did, ret_key)
                                             : refuse("has a jwk that is no object");
    }
    return claims_text(header, "kid", &kid) ? holder_from_kid(kid, &proof->did, ret_key)
                                            : refuse("has a kid that is no text");
}

static enum ps_err check_header(const struct jws_parsed *jws, struct json *json,
                                struct proof *proof, struct public_key **ret_key)
{
    struct json_value header;
    struct ps_bytes type;

    PS_TRY(json_parse(json, jws->header, &limits, &header));
    if (!claims_text(header, "typ", &type) || !ps_bytes_equal_str(type, TYPE)) {
        return refuse("has another typ than " TYPE);
    }
    if (!is_taken(jws->alg) || jws->unencoded) {
        return refuse("has an alg that is not supported");
    }
    return read_key(header, proof, ret_key);
}

static enum ps_err check_times(struct json_value claims, uint64_t now_s)
{
    uint64_t iat;
    uint64_t end;
    enum ps_err err;

    if (claims_time(claims, "iat", &iat) != PS_OK) {
        return refuse("has no iat");
    }
    if (iat > now_s + PROOF_SKEW_S || iat + PROOF_AGE_MAX_S + PROOF_SKEW_S < now_s) {
        return refuse("has an iat that is not of this time");
    }
    err = claims_time(claims, "exp", &end);
    if (err == PS_E_INPUT || (err == PS_OK && end <= now_s)) {
        return refuse("has ended, by its exp");
    }
    err = claims_time(claims, "nbf", &end);
    if (err == PS_E_INPUT || (err == PS_OK && end > now_s + PROOF_SKEW_S)) {
        return refuse("has not begun, by its nbf");
    }
    return PS_OK;
}

static enum ps_err check_claims(const struct jws_parsed *jws, const struct proof_expected *expected,
                                struct json *json, struct proof *proof)
{
    struct json_value claims;
    struct json_value member;
    struct ps_bytes text = {.len = 0};

    PS_TRY(json_parse(json, jws->payload, &limits, &claims));
    if (json_type(claims) != JSON_OBJECT || !claims_name_audience(claims, expected->audience)) {
        return refuse("is for another aud");
    }
    PS_TRY(check_times(claims, expected->now_s));
    if (json_member(claims, "iss", &member) &&
        (!claims_text(claims, "iss", &text) || !ps_bytes_equal(text, expected->client))) {
        return refuse("has an iss that is not the token's client_id");
    }
    if (json_member(claims, "nonce", &member)) {
        if (!claims_text(claims, "nonce", &text)) {
            return refuse("has a nonce that is no text");
        }
        ps_buf_put(&proof->nonce, text);
    }
    return ps_buf_status(&proof->nonce);
}

static enum ps_err check(struct ps_bytes jwt, const struct proof_expected *expected,
                         struct json *json, struct proof *proof)
{
    PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;
    PS_BUF_AUTO memory = {.max = 4 * (size_t)PROOF_MAX};
    struct jws_parsed jws;

    if (jwt.len > PROOF_MAX || memchr(jwt.data, '{', jwt.len) != NULL) {
        return refuse("is no compact JWT, or a very long one");
    }
    PS_TRY(jws_parse(jwt, NULL, &memory, &jws));
    PS_TRY(check_header(&jws, json, proof, &key));
    PS_TRY(check_claims(&jws, expected, json, proof));
    if (jws_verify(&jws, key) != PS_OK) {
        return refuse("does not verify");
    }
    public_key_put_bare_jwk(key, &proof->jwk);
    return ps_buf_status(&proof->jwk);
}

enum ps_err proof_check(struct ps_bytes jwt, const struct proof_expected *expected,
                        struct json *json, struct proof *proof)
{
    const enum ps_err err = check(jwt, expected, json, proof);

    return err == PS_E_LIMIT || err == PS_E_DENIED ? PS_E_INPUT : err;
}
