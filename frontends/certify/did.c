#include "frontends/certify/did.h"

#include "lib/base/base58.h"
#include "lib/base/encode.h"
#include "lib/formats/json/json.h"

#define KEYS_MAX 1000u

static const struct json_limits set_limits = {1024 * 1024, 8, 20000, false};
static const struct json_limits keys_limits = {(size_t)16 * 1024 * 1024, 12, 500000, false};

/* Multicodec's varint of a public key; the points of the EC ones are compressed. */
static const struct {
    enum ps_key_type type;
    uint8_t prefix[2];
} codecs[] = {
    {PS_KEY_ED25519, {0xed, 0x01}},
    {PS_KEY_EC_P256, {0x80, 0x24}},
    {PS_KEY_EC_P384, {0x81, 0x24}},
};

#define POINT_MAX 49u

void did_put_web(struct ps_bytes origin, struct ps_buf *out)
{
    const struct ps_bytes host = ps_bytes_from(origin, strlen("https://"));
    size_t len = 0;

    while (len < host.len && host.data[len] != ':') {
        len++;
    }
    ps_buf_put_str(out, "did:web:");
    ps_buf_put(out, ps_bytes(host.data, len));
    if (len < host.len) {
        ps_buf_put_str(out, "%3A");
        ps_buf_put(out, ps_bytes_from(host, len + 1));
    }
}

/* SEC 1 section 2.3.3: the sign of Y, and X at its full length. */
static struct ps_bytes point_of(const struct public_key *key, uint8_t memory[POINT_MAX])
{
    const struct ps_bytes point = public_key_point(key);
    const struct ps_bytes spki = public_key_spki(key);
    const size_t coordinate = point.len / 2;

    if (public_key_type(key) == PS_KEY_ED25519) {
        return ps_bytes_from(spki, spki.len - 32);
    }
    memory[0] = (uint8_t)(2 + (point.data[point.len - 1] & 1));
    memcpy(memory + 1, point.data, coordinate);
    return ps_bytes(memory, coordinate + 1);
}

enum ps_err did_put_multikey(const struct public_key *key, struct ps_buf *out)
{
    uint8_t memory[POINT_MAX];
    PS_BUF_AUTO octets = {.max = 64};

    for (size_t i = 0; i < PS_COUNT_OF(codecs); i++) {
        if (codecs[i].type == public_key_type(key)) {
            ps_buf_put(&octets, ps_bytes(codecs[i].prefix, sizeof codecs[i].prefix));
            ps_buf_put(&octets, point_of(key, memory));
            PS_TRY(ps_buf_status(&octets));
            ps_buf_put_u8(out, 'z');
            ps_buf_put_base58btc(out, ps_buf_bytes(&octets));
            return ps_buf_status(out);
        }
    }
    return ps_fail(PS_E_INPUT, 0, "a key of this type is no Multikey");
}

/* The document while it is written: its methods, and their names for the relationship. */
struct document {
    struct ps_bytes did;
    struct ps_buf methods;
    struct ps_buf names;
};

static void put_method(struct document *document, struct ps_bytes name, const char *type)
{
    struct ps_buf *out = &document->methods;

    ps_buf_printf(out, "%s{\"id\":\"%.*s#%.*s\",\"type\":\"%s\",\"controller\":\"%.*s\"",
                  out->len == 0 ? "" : ",", PS_BYTES_FMT(document->did), PS_BYTES_FMT(name), type,
                  PS_BYTES_FMT(document->did));
    ps_buf_printf(&document->names, "%s\"%.*s#%.*s\"", document->names.len == 0 ? "" : ",",
                  PS_BYTES_FMT(document->did), PS_BYTES_FMT(name));
}

static void put_multibase(struct document *document, struct ps_bytes multibase)
{
    ps_buf_printf(&document->methods, ",\"publicKeyMultibase\":\"%.*s\"}", PS_BYTES_FMT(multibase));
}

static void put_key(struct document *document, const struct public_key *key)
{
    PS_BUF_AUTO text = {.max = 256};
    const bool is_multikey = did_put_multikey(key, &text) == PS_OK;
    const struct ps_bytes multibase = ps_buf_bytes(&text);

    if (is_multikey) {
        put_method(document, multibase, "Multikey");
        put_multibase(document, multibase);
    }
    if (public_key_type(key) == PS_KEY_ED25519) {
        put_method(document, public_key_kid(key), "Ed25519VerificationKey2020");
        put_multibase(document, multibase);
    } else {
        put_method(document, public_key_kid(key), "JsonWebKey2020");
        ps_buf_put_str(&document->methods, ",\"publicKeyJwk\":");
        public_key_put_bare_jwk(key, &document->methods);
        ps_buf_put_u8(&document->methods, '}');
    }
}

/* A key that can only be encrypted to asserts nothing. */
static bool is_for_encryption(struct json_value jwk)
{
    struct json_value use;
    struct ps_bytes text;

    return json_member(jwk, "use", &use) && json_string(use, &text) == PS_OK &&
           ps_bytes_equal_str(text, "enc");
}

static enum ps_err put_jwk(struct json_value jwk, struct document *document)
{
    PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;

    if (json_type(jwk) != JSON_OBJECT) {
        return ps_fail(PS_E_INPUT, 0, "no JWK set: a key that is no object");
    }
    if (!is_for_encryption(jwk) && public_key_from_jwk_value(jwk, &key) == PS_OK) {
        put_key(document, key);
    }
    return PS_OK;
}

static enum ps_err put_keys(struct json_value keys, struct document *document)
{
    struct json_value jwk;
    uint32_t cursor = 0;

    if (json_type(keys) != JSON_ARRAY || json_count(keys) > KEYS_MAX) {
        return ps_fail(PS_E_INPUT, 0, "no JWK set: \"keys\"");
    }
    while (json_next(keys, &cursor, NULL, &jwk)) {
        PS_TRY(put_jwk(jwk, document));
    }
    return PS_OK;
}

/* What was signed by it before can still be believed, or it will sign soon. */
static bool can_be_verified_with(struct json_value object)
{
    static const char *const states[] = {"pre-activation", "active", "suspended", "deactivated"};
    struct json_value value;
    struct ps_bytes text;

    if (!json_member(object, "state", &value) || json_string(value, &text) != PS_OK) {
        return false;
    }
    for (size_t i = 0; i < PS_COUNT_OF(states); i++) {
        if (ps_bytes_equal_str(text, states[i])) {
            return true;
        }
    }
    return false;
}

/* The others have their place in the set, and would stand here twice. */
static bool makes_proofs(struct json_value key)
{
    struct json_value formats;
    struct json_value one;
    struct ps_bytes text;
    uint32_t cursor = 0;

    if (!json_member(key, "formats", &formats) || json_type(formats) != JSON_ARRAY) {
        return false;
    }
    while (json_next(formats, &cursor, NULL, &one)) {
        if (json_string(one, &text) == PS_OK && ps_bytes_equal_str(text, "data-integrity")) {
            return true;
        }
    }
    return false;
}

static enum ps_err put_versions(struct json_value key, struct document *document)
{
    struct json_value versions;
    struct json_value version;
    struct json_value jwk;
    uint32_t cursor = 0;

    if (json_type(key) != JSON_OBJECT || !json_member(key, "versions", &versions) ||
        json_type(versions) != JSON_ARRAY) {
        return ps_fail(PS_E_INPUT, 0, "no key of an appliance: \"versions\"");
    }
    if (!makes_proofs(key) || !can_be_verified_with(key)) {
        return PS_OK;
    }
    while (json_next(versions, &cursor, NULL, &version)) {
        if (json_type(version) == JSON_OBJECT && can_be_verified_with(version) &&
            json_member(version, "public_jwk", &jwk)) {
            PS_TRY(put_jwk(jwk, document));
        }
    }
    return PS_OK;
}

static enum ps_err put_further(struct ps_bytes keys, struct document *document)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct json_value root;
    struct json_value key;
    uint32_t cursor = 0;

    PS_TRY(json_new(&json));
    PS_TRY(json_parse(json, keys, &keys_limits, &root));
    if (json_type(root) != JSON_ARRAY) {
        return ps_fail(PS_E_INPUT, 0, "no keys of an appliance");
    }
    while (json_next(root, &cursor, NULL, &key)) {
        PS_TRY(put_versions(key, document));
    }
    return PS_OK;
}

static void clear_document(struct document *document)
{
    ps_buf_clear(&document->methods);
    ps_buf_clear(&document->names);
}

static void put_document(const struct document *document, struct ps_buf *out)
{
    ps_buf_printf(out,
                  "{\"@context\":[\"https://www.w3.org/ns/did/v1\","
                  "\"https://w3id.org/security/multikey/v1\","
                  "\"https://w3id.org/security/suites/ed25519-2020/v1\","
                  "\"https://w3id.org/security/suites/jws-2020/v1\"],\"id\":\"%.*s\"",
                  PS_BYTES_FMT(document->did));
    ps_buf_put_str(out, ",\"verificationMethod\":[");
    ps_buf_put(out, ps_buf_bytes(&document->methods));
    ps_buf_put_str(out, "],\"assertionMethod\":[");
    ps_buf_put(out, ps_buf_bytes(&document->names));
    ps_buf_put_str(out, "]}");
}

enum ps_err did_put_document(struct ps_bytes did, struct ps_bytes set, struct ps_bytes keys,
                             struct ps_buf *out)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    PS_CLEANUP(clear_document)
    struct document document = {
        .did = did, .methods = {.max = 1024 * 1024}, .names = {.max = 1024 * 1024}};
    struct json_value root;
    struct json_value of_set;

    PS_TRY(json_new(&json));
    PS_TRY(json_parse(json, set, &set_limits, &root));
    if (json_type(root) != JSON_OBJECT || !json_member(root, "keys", &of_set)) {
        return ps_fail(PS_E_INPUT, 0, "no JWK set: no \"keys\"");
    }
    PS_TRY(put_keys(of_set, &document));
    PS_TRY(put_further(keys, &document));
    PS_TRY(ps_buf_status(&document.methods));
    PS_TRY(ps_buf_status(&document.names));
    put_document(&document, out);
    return ps_buf_status(out);
}
