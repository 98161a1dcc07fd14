#include "lib/formats/jose/sd_jwt.h"

#include "lib/base/encode.h"
#include "lib/base/hash.h"
#include "lib/formats/jose/header.h"
#include "lib/formats/json/internal.h"

#include <stdlib.h>
#include <strings.h>

static const struct json_limits payload_limits = {1024 * 1024, 16, 20000, false};

#define SUFFIX     "+sd-jwt"
#define SUFFIX_LEN (sizeof SUFFIX - 1)

/* SHA-256, of which RFC 9901 section 4.1.1 says that it is what is meant when nothing is said. */
#define HASH_NAME "sha-256"

bool sd_jwt_is_type(struct ps_bytes type)
{
    for (size_t at = 0; at + SUFFIX_LEN <= type.len; at++) {
        if (strncasecmp((const char *)type.data + at, SUFFIX, SUFFIX_LEN) == 0) {
            return true;
        }
    }
    return false;
}

/* RFC 6838 section 4.2: the characters of a type's name. */
static bool is_name_character(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != 0 && strchr("!#$&-^_.+", c) != NULL);
}

static enum ps_err check_type(struct ps_bytes type)
{
    bool good = type.len > SUFFIX_LEN && type.len <= SD_JWT_TYPE_MAX &&
                memcmp(type.data + type.len - SUFFIX_LEN, SUFFIX, SUFFIX_LEN) == 0;

    for (size_t i = 0; good && i < type.len; i++) {
        good = is_name_character(type.data[i]);
    }
    if (!good) {
        return ps_fail(PS_E_INPUT, 0, "member \"typ\": not a type that ends in +sd-jwt");
    }
    return PS_OK;
}

/* [salt, name, value] in 32 octets: chance does not make a digest of that look. */
static bool looks_like_disclosure(struct ps_bytes octets)
{
    return octets.data[0] == '[' && octets.data[octets.len - 1] == ']' && ps_utf8_valid(octets);
}

/* Appends the digest to those that were seen. */
static enum ps_err take_digest(struct json_value value, struct ps_buf *digests)
{
    const size_t start = digests->len;
    struct ps_bytes text;
    struct ps_bytes digest;

    if (json_type(value) != JSON_STRING) {
        return ps_fail(PS_E_INPUT, 0, "payload: a digest that is no string");
    }
    PS_TRY(json_string(value, &text));
    if (ps_base64url_decode(text, digests) != PS_OK || digests->len - start != PS_SHA256_LEN) {
        return ps_fail(PS_E_INPUT, 0, "payload: a digest that is not the base64url of 32 octets");
    }
    digest = ps_bytes(digests->data + start, PS_SHA256_LEN);
    if (looks_like_disclosure(digest)) {
        return ps_fail(PS_E_INPUT, 0, "payload: a disclosure in the place of its digest");
    }
    return PS_OK;
}

/*
 * "The _sd key MUST refer to an array of strings, each string being a digest of a Disclosure or a
 * decoy digest": RFC 9901 section 4.2.4.1.
 */
static enum ps_err take_digests(struct json_value array, struct ps_buf *digests)
{
    struct json_value value;
    uint32_t cursor = 0;

    if (json_type(array) != JSON_ARRAY) {
        return ps_fail(PS_E_INPUT, 0, "payload: \"_sd\" is no array");
    }
    while (json_next(array, &cursor, NULL, &value)) {
        PS_TRY(take_digest(value, digests));
    }
    return PS_OK;
}

static enum ps_err walk(struct json_value value, bool is_top, struct ps_buf *digests);

static enum ps_err walk_member(struct ps_bytes name, struct json_value value, bool is_top,
                               struct ps_buf *digests)
{
    struct ps_bytes text;

    if (ps_bytes_equal_str(name, "_sd")) {
        return take_digests(value, digests);
    }
    if (ps_bytes_equal_str(name, "...")) {
        return ps_fail(PS_E_INPUT, 0,
                       "payload: \"...\" is not the only member of an element of an array");
    }
    if (!ps_bytes_equal_str(name, "_sd_alg")) {
        return walk(value, false, digests);
    }
    if (!is_top || json_type(value) != JSON_STRING || json_string(value, &text) != PS_OK ||
        !ps_bytes_equal_str(text, HASH_NAME)) {
        return ps_fail(PS_E_INPUT, 0, "payload: \"_sd_alg\" stands at the top, and is " HASH_NAME);
    }
    return PS_OK;
}

static enum ps_err walk_object(struct json_value object, bool is_top, struct ps_buf *digests)
{
    uint32_t cursor = 0;

    for (;;) {
        struct json_value value;
        struct ps_bytes name;
        bool more;

        PS_TRY(jose_next_member(object, &cursor, &name, &value, &more));
        if (!more) {
            return PS_OK;
        }
        PS_TRY(walk_member(name, value, is_top, digests));
    }
}

/*
 * "The object MUST contain exactly one key, three dots (...)": RFC 9901 section 4.2.4.2, of an
 * element of an array that is not disclosed.
 */
static enum ps_err walk_element(struct json_value element, struct ps_buf *digests)
{
    struct json_value digest;

    if (json_type(element) == JSON_OBJECT && json_count(element) == 1 &&
        json_member(element, "...", &digest)) {
        return take_digest(digest, digests);
    }
    return walk(element, false, digests);
}

/* As deep as the reader lets a document be. */
static enum ps_err walk(struct json_value value, bool is_top, struct ps_buf *digests)
{
    uint32_t cursor = 0;
    struct json_value element;

    if (json_type(value) == JSON_OBJECT) {
        return walk_object(value, is_top, digests);
    }
    if (json_type(value) != JSON_ARRAY) {
        return PS_OK;
    }
    while (json_next(value, &cursor, NULL, &element)) {
        PS_TRY(walk_element(element, digests));
    }
    return PS_OK;
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, PS_SHA256_LEN);
}

/*
 * "If any digest value is encountered more than once in the Issuer-signed JWT payload (directly or
 * recursively via other Disclosures), the SD-JWT MUST be rejected": RFC 9901 section 7.1.
 */
static enum ps_err check_unique(struct ps_buf *digests)
{
    const size_t count = digests->len / PS_SHA256_LEN;

    if (count < 2) {
        return PS_OK;
    }
    qsort(digests->data, count, PS_SHA256_LEN, compare);
    for (size_t i = 1; i < count; i++) {
        const uint8_t *at = digests->data + i * PS_SHA256_LEN;

        if (memcmp(at, at - PS_SHA256_LEN, PS_SHA256_LEN) == 0) {
            return ps_fail(PS_E_INPUT, 0, "payload: a digest that is there twice");
        }
    }
    return PS_OK;
}

/*
 * RFC 7800 section 3.2. A private key in a credential is nobody's any more. That the public one is
 * a point of its curve is for who had the holder prove that he has the other: here it would take as
 * long as the rest of a signature.
 */
static enum ps_err check_confirmation(struct json_value root)
{
    struct json_value cnf;
    struct json_value jwk;

    if (!json_member(root, "cnf", &cnf)) {
        return PS_OK;
    }
    if (json_type(cnf) != JSON_OBJECT) {
        return ps_fail(PS_E_INPUT, 0, "payload: \"cnf\" is no object");
    }
    if (json_member(cnf, "jwk", &jwk) && public_key_check_jwk_form(jwk) != PS_OK) {
        return ps_fail(PS_E_INPUT, 0, "payload: \"cnf\": its \"jwk\" is no public key");
    }
    return PS_OK;
}

/* RFC 6838 section 4.2: the names of types are compared without regard to case. */
static bool is_of_credential(struct ps_bytes type)
{
    static const char *const types[] = {"dc+sd-jwt", "vc+sd-jwt"};

    for (size_t i = 0; i < PS_COUNT_OF(types); i++) {
        if (type.len == strlen(types[i]) &&
            strncasecmp((const char *)type.data, types[i], type.len) == 0) {
            return true;
        }
    }
    return false;
}

static enum ps_err check_credential(struct json_value root, struct ps_bytes type)
{
    struct json_value vct;
    struct ps_bytes text;

    if (!is_of_credential(type)) {
        return PS_OK;
    }
    if (!json_member(root, "vct", &vct) || json_type(vct) != JSON_STRING ||
        json_string(vct, &text) != PS_OK || text.len == 0) {
        return ps_fail(PS_E_INPUT, 0, "payload: a credential has a \"vct\", which is a string");
    }
    return PS_OK;
}

enum ps_err sd_jwt_check(struct ps_bytes payload, struct ps_bytes type, uint64_t now_s,
                         const struct jwt_pins *pins)
{
    struct json *json;
    struct json_value root;
    PS_BUF_AUTO digests = {.max = 1024 * 1024};

    PS_TRY(check_type(type));
    PS_TRY(json_thread_reader(JSON_SLOT_TEXT, &json));
    PS_TRY(json_parse(json, payload, &payload_limits, &root));
    PS_TRY(jwt_check_claims(root, now_s, pins));
    PS_TRY(check_credential(root, type));
    PS_TRY(check_confirmation(root));
    PS_TRY(walk(root, true, &digests));
    return check_unique(&digests);
}
