#include "lib/formats/jose/jwe.h"

#include "lib/base/encode.h"
#include "lib/formats/jose/header.h"

enum { PARTS = 5 };

static enum ps_err bad(const char *what)
{
    return ps_fail(PS_E_INPUT, 0, "JWE: %s", what);
}

/* RFC 7516 section 7.1: header, encrypted key, IV, ciphertext and tag. */
static enum ps_err split(struct ps_bytes text, struct ps_bytes parts[PARTS])
{
    const uint8_t *at = text.data;
    const uint8_t *end = text.data + text.len;

    for (unsigned i = 0; i < PARTS; i++) {
        const uint8_t *dot = at == end ? NULL : memchr(at, '.', (size_t)(end - at));

        if ((dot == NULL) != (i == PARTS - 1)) {
            return bad("a compact one has five parts with dots between them");
        }
        parts[i] = ps_bytes(at, (size_t)((dot == NULL ? end : dot) - at));
        at = dot == NULL ? end : dot + 1;
    }
    return PS_OK;
}

static enum ps_err decode(struct ps_bytes text, const char *name, size_t max, struct ps_buf *memory,
                          struct ps_bytes *ret_octets)
{
    const size_t start = memory->len;

    if (ps_base64url_decode(text, memory) == PS_E_INPUT) {
        return ps_fail(PS_E_INPUT, 0, "JWE: %s: not base64url without padding", name);
    }
    PS_TRY(ps_buf_status(memory));
    if (memory->len - start > max) {
        return ps_fail(PS_E_INPUT, 0, "JWE: %s: more than %zu octets", name, max);
    }
    *ret_octets = ps_bytes(memory->data + start, memory->len - start);
    return PS_OK;
}

/* Empty when there is none. */
static enum ps_err read_text(struct json_value object, const char *name, struct ps_bytes *ret_text)
{
    struct json_value value;

    *ret_text = ps_bytes(NULL, 0);
    if (!json_member(object, name, &value)) {
        return PS_OK;
    }
    if (json_type(value) != JSON_STRING) {
        return ps_fail(PS_E_INPUT, 0, "JWE: \"%s\" is no string", name);
    }
    return json_string(value, ret_text);
}

static enum ps_err read_octets(struct json_value object, const char *name, size_t max,
                               struct ps_buf *memory, struct ps_bytes *ret_octets)
{
    struct ps_bytes text;

    PS_TRY(read_text(object, name, &text));
    return decode(text, name, max, memory, ret_octets);
}

/*
 * What is not done here at all: RFC 8725 section 3.6 advises against compression, RFC 7516 section
 * 4.1.13 wants what "crit" lists to be understood, and the others belong to algorithms that the
 * table has not.
 */
static enum ps_err check_members(struct json_value header)
{
    static const char *const names[] = {"zip", "crit", "p2c", "p2s", "iv", "tag"};

    for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
        struct json_value value;

        if (json_member(header, names[i], &value)) {
            return ps_fail(PS_E_INPUT, 0, "JWE: header member \"%s\" is not taken", names[i]);
        }
    }
    return PS_OK;
}

static enum ps_err read_algorithms(struct json_value header, struct jwe_sealed *sealed)
{
    struct ps_bytes alg;
    struct ps_bytes enc;

    PS_TRY(read_text(header, "alg", &alg));
    PS_TRY(read_text(header, "enc", &enc));
    sealed->alg = jwe_alg_by_name(alg);
    sealed->enc = jwe_enc_by_name(enc);
    if (sealed->alg == JWE_ALG_NONE) {
        return ps_fail(PS_E_INPUT, 0,
                       "JWE: \"alg\" is none of RSA-OAEP-256, ECDH-ES, "
                       "ECDH-ES+A256KW: %.*s",
                       PS_BYTES_FMT(alg));
    }
    if (sealed->enc == JWE_ENC_NONE) {
        return ps_fail(PS_E_INPUT, 0, "JWE: \"enc\" is neither A128GCM nor A256GCM: %.*s",
                       PS_BYTES_FMT(enc));
    }
    return PS_OK;
}

static enum ps_key_type curve_by_name(struct ps_bytes name)
{
    static const enum ps_key_type curves[] = {PS_KEY_EC_P256, PS_KEY_EC_P384};

    for (size_t i = 0; i < PS_COUNT_OF(curves); i++) {
        if (ps_bytes_equal_str(name, ps_key_type_info(curves[i])->jwk_crv)) {
            return curves[i];
        }
    }
    return PS_KEY_NONE;
}

/* RFC 7518 section 4.6.1.1. Whether it is a point of the curve is seen where it is used. */
static enum ps_err read_epk(struct json_value header, struct ps_buf *memory, struct jwe_parsed *jwe)
{
    struct json_value epk;
    struct json_value value;
    struct ps_bytes text;
    struct ps_bytes x;
    struct ps_bytes y;

    if (!json_member(header, "epk", &epk) || json_type(epk) != JSON_OBJECT) {
        return bad("\"epk\" is missing or no object");
    }
    if (json_member(epk, "d", &value)) {
        return bad("\"epk\" holds a private key");
    }
    PS_TRY(read_text(epk, "kty", &text));
    if (!ps_bytes_equal_str(text, "EC")) {
        return bad("\"epk\" is no EC key");
    }
    PS_TRY(read_text(epk, "crv", &text));
    jwe->epk_type = curve_by_name(text);
    PS_TRY(read_octets(epk, "x", JWE_POINT_MAX / 2, memory, &x));
    PS_TRY(read_octets(epk, "y", JWE_POINT_MAX / 2, memory, &y));
    /* RFC 7518 section 6.2.1.2: each of the full size. They lie one after the other in memory. */
    if (x.len != y.len) {
        jwe->epk_type = PS_KEY_NONE;
    }
    jwe->epk = ps_bytes(x.data, x.len + y.len);
    return PS_OK;
}

static enum ps_err read_kid(struct json_value header, struct ps_buf *memory, struct jwe_parsed *jwe)
{
    const size_t start = memory->len;
    struct ps_bytes text;

    PS_TRY(read_text(header, "kid", &text));
    if (text.len == 0) {
        PS_TRY(read_text(header, "x5t#S256", &text));
    }
    if (text.len > JWE_KID_MAX) {
        return bad("\"kid\" is too long");
    }
    ps_buf_put(memory, text);
    jwe->kid = ps_bytes(memory->data + start, text.len);
    return ps_buf_status(memory);
}

static enum ps_err read_header(struct ps_buf *memory, struct jwe_parsed *jwe)
{
    struct jwe_sealed *sealed = &jwe->sealed;
    struct json_value header;

    PS_TRY(jose_read_header(jwe->header, &header));
    PS_TRY(check_members(header));
    PS_TRY(read_algorithms(header, sealed));
    PS_TRY(read_kid(header, memory, jwe));
    if (sealed->alg == JWE_RSA_OAEP_256) {
        return PS_OK;
    }
    PS_TRY(read_octets(header, "apu", JWE_PARTY_MAX, memory, &sealed->apu));
    PS_TRY(read_octets(header, "apv", JWE_PARTY_MAX, memory, &sealed->apv));
    return read_epk(header, memory, jwe);
}

enum ps_err jwe_parse(struct ps_bytes text, struct ps_buf *memory, struct jwe_parsed *ret_jwe)
{
    struct jwe_parsed jwe = {0};
    struct jwe_sealed *sealed = &jwe.sealed;
    struct ps_bytes parts[PARTS];

    PS_TRY(split(text, parts));
    /*
     * What is decoded must not move while parts of it are in use: room for all at once. Parts and
     * members have three octets for four characters, with a few more while one is decoded.
     */
    if (ps_buf_reserve(memory, JWE_PARSE_ROOM(text.len)) == NULL) {
        return ps_buf_status(memory);
    }
    sealed->header_b64 = parts[0];
    PS_TRY(decode(parts[0], "the header", JWE_HEADER_MAX, memory, &jwe.header));
    PS_TRY(decode(parts[1], "the encrypted key", JWE_ENCRYPTED_KEY_MAX, memory,
                  &sealed->encrypted_key));
    PS_TRY(decode(parts[2], "the initialization vector", JWE_IV_MAX, memory, &sealed->iv));
    PS_TRY(decode(parts[3], "the ciphertext", JWE_PLAINTEXT_MAX, memory, &sealed->ciphertext));
    PS_TRY(decode(parts[4], "the tag", JWE_TAG_MAX, memory, &sealed->tag));
    PS_TRY(read_header(memory, &jwe));
    *ret_jwe = jwe;
    return PS_OK;
}
