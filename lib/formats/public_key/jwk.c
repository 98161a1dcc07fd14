#include "lib/formats/public_key/public_key.h"

#include "lib/base/encode.h"
#include "lib/formats/json/internal.h"
#include "lib/formats/public_key/internal.h"

static const struct json_limits jwk_limits = {64 * 1024, 8, 200};

/* RFC 7518 section 6: members that only private and secret keys have. */
static const char *const private_members[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};

static enum ps_err bad(const char *what)
{
    return ps_fail(PS_E_INPUT, 0, "JWK: %s", what);
}

/* What is over a limit here is no key of ours either. */
static enum ps_err as_input(enum ps_err err)
{
    return err == PS_E_LIMIT ? PS_E_INPUT : err;
}

static enum ps_err read_text(struct json_value jwk, const char *name, struct ps_bytes *ret_text)
{
    struct json_value value;

    if (!json_member(jwk, name, &value) || json_type(value) != JSON_STRING) {
        return ps_fail(PS_E_INPUT, 0, "JWK: \"%s\" is missing or no string", name);
    }
    return json_string(value, ret_text);
}

static enum ps_err read_octets(struct json_value jwk, const char *name, struct ps_buf *memory,
                               struct ps_bytes *ret_octets)
{
    const size_t start = memory->len;
    struct ps_bytes text;

    PS_TRY(read_text(jwk, name, &text));
    PS_TRY(ps_base64url_decode(text, memory));
    *ret_octets = ps_bytes_from(ps_buf_bytes(memory), start);
    return PS_OK;
}

/* RFC 7518 sections 6.3.1.1 and 2: Base64urlUInt has the fewest octets, no zero in front. */
static enum ps_err read_rsa(struct json_value jwk, struct ps_buf *memory,
                            struct key_parts *ret_parts)
{
    struct key_parts parts = {0};

    PS_TRY(read_octets(jwk, "n", memory, &parts.n));
    PS_TRY(read_octets(jwk, "e", memory, &parts.e));
    if (parts.n.len == 0 || parts.n.data[0] == 0 || parts.e.len == 0 || parts.e.data[0] == 0) {
        return bad("a number that is empty or has a zero octet in front");
    }
    parts.type = key_rsa_type(parts.n.len);
    *ret_parts = parts;
    return PS_OK;
}

static enum ps_key_type curve_by_name(enum ps_key_family family, struct ps_bytes name)
{
    for (unsigned type = PS_KEY_NONE + 1; type < PS_KEY_COUNT; type++) {
        const struct ps_key_type_info *info = ps_key_type_info((enum ps_key_type)type);

        if (info->family == family && ps_bytes_equal_str(name, info->jwk_crv)) {
            return (enum ps_key_type)type;
        }
    }
    return PS_KEY_NONE;
}

/* RFC 7518 section 6.2.1.2: the length of "x" MUST be the full size of a coordinate. */
static enum ps_err read_curve(struct json_value jwk, enum ps_key_family family,
                              struct ps_buf *memory, struct key_parts *ret_parts)
{
    struct key_parts parts = {0};
    struct ps_bytes x;
    struct ps_bytes y;
    struct ps_bytes name;

    PS_TRY(read_text(jwk, "crv", &name));
    parts.type = curve_by_name(family, name);
    if (parts.type == PS_KEY_NONE) {
        return bad("a curve we do not take");
    }
    PS_TRY(read_octets(jwk, "x", memory, &x));
    if (family == PS_FAMILY_EC) {
        PS_TRY(read_octets(jwk, "y", memory, &y));
        if (x.len != y.len) {
            return bad("coordinates that are not of the field's length");
        }
    }
    parts.point = ps_buf_bytes(memory);
    *ret_parts = parts;
    return PS_OK;
}

static enum ps_err read_parts(struct json_value jwk, struct ps_buf *memory,
                              struct key_parts *ret_parts)
{
    struct ps_bytes kty;

    PS_TRY(read_text(jwk, "kty", &kty));
    if (ps_bytes_equal_str(kty, "RSA")) {
        return read_rsa(jwk, memory, ret_parts);
    }
    if (ps_bytes_equal_str(kty, "EC")) {
        return read_curve(jwk, PS_FAMILY_EC, memory, ret_parts);
    }
    if (ps_bytes_equal_str(kty, "OKP")) {
        return read_curve(jwk, PS_FAMILY_EDWARDS, memory, ret_parts);
    }
    return bad("a key type we do not take");
}

/* The longest key's numbers, in memory that does not move while they are read. */
#define PARTS_MAX 2048u

static enum ps_err read_jwk(struct json_value jwk, uint8_t memory[PARTS_MAX],
                            struct key_parts *ret_parts)
{
    struct ps_buf buf = {.data = memory, .cap = PARTS_MAX, .max = PARTS_MAX};

    if (json_type(jwk) != JSON_OBJECT) {
        return bad("not an object");
    }
    for (size_t i = 0; i < PS_COUNT_OF(private_members); i++) {
        struct json_value value;

        if (json_member(jwk, private_members[i], &value)) {
            return ps_fail(PS_E_INPUT, 0, "JWK: \"%s\" belongs to a private or secret key",
                           private_members[i]);
        }
    }
    return as_input(read_parts(jwk, &buf, ret_parts));
}

enum ps_err public_key_from_jwk_value(struct json_value jwk, struct public_key **ret_key)
{
    uint8_t memory[PARTS_MAX];
    struct key_parts parts;

    PS_TRY(read_jwk(jwk, memory, &parts));
    return public_key_from_parts(&parts, ret_key);
}

enum ps_err public_key_check_jwk_form(struct json_value jwk)
{
    uint8_t memory[PARTS_MAX];
    struct key_parts parts;

    PS_TRY(read_jwk(jwk, memory, &parts));
    return key_parts_check_form(&parts);
}

enum ps_err public_key_from_jwk(struct ps_bytes text, struct public_key **ret_key)
{
    struct json *json;
    struct json_value root;

    PS_TRY(json_thread_reader(JSON_SLOT_TEXT, &json));
    PS_TRY(as_input(json_parse(json, text, &jwk_limits, &root)));
    return public_key_from_jwk_value(root, ret_key);
}

static void put_member(struct ps_buf *out, const char *name, struct ps_bytes octets)
{
    ps_buf_put_u8(out, '"');
    ps_buf_put_str(out, name);
    ps_buf_put_str(out, "\":\"");
    ps_buf_put_base64url(out, octets);
    ps_buf_put_u8(out, '"');
}

static const char *kty_of(enum ps_key_family family)
{
    return family == PS_FAMILY_RSA ? "RSA" : family == PS_FAMILY_EC ? "EC" : "OKP";
}

/* RFC 7638 section 3.2: the required members only, in lexical order, without white space. */
void key_parts_put_thumbprint(const struct key_parts *parts, struct ps_buf *out)
{
    const struct ps_key_type_info *info = ps_key_type_info(parts->type);
    const struct ps_bytes point = parts->point;

    ps_buf_put_u8(out, '{');
    if (info->family == PS_FAMILY_RSA) {
        put_member(out, "e", parts->e);
        ps_buf_put_str(out, ",\"kty\":\"RSA\",");
        put_member(out, "n", parts->n);
    } else {
        ps_buf_printf(out, "\"crv\":\"%s\",\"kty\":\"%s\",", info->jwk_crv, kty_of(info->family));
        if (info->family == PS_FAMILY_EC) {
            put_member(out, "x", ps_bytes(point.data, info->coordinate));
            ps_buf_put_u8(out, ',');
            put_member(out, "y", ps_bytes_from(point, info->coordinate));
        } else {
            put_member(out, "x", point);
        }
    }
    ps_buf_put_u8(out, '}');
}

void public_key_put_bare_jwk(const struct public_key *key, struct ps_buf *out)
{
    key_parts_put_thumbprint(&key->parts, out);
}

void public_key_put_jwk(const struct public_key *key, enum ps_alg alg, const char *use,
                        struct ps_buf *out)
{
    const struct key_parts *parts = &key->parts;
    const struct ps_key_type_info *info = ps_key_type_info(parts->type);
    const struct ps_bytes kid = public_key_kid(key);

    ps_buf_put_u8(out, '{');
    if (ps_alg_info(alg) != NULL) {
        ps_buf_printf(out, "\"alg\":\"%s\",", ps_alg_info(alg)->name);
    }
    if (info->family == PS_FAMILY_RSA) {
        put_member(out, "e", parts->e);
        ps_buf_put_u8(out, ',');
    } else {
        ps_buf_printf(out, "\"crv\":\"%s\",", info->jwk_crv);
    }
    ps_buf_printf(out, "\"kid\":\"%.*s\",\"kty\":\"%s\"", PS_BYTES_FMT(kid), kty_of(info->family));
    if (info->family == PS_FAMILY_RSA) {
        ps_buf_put_u8(out, ',');
        put_member(out, "n", parts->n);
    }
    if (use != NULL) {
        ps_buf_printf(out, ",\"use\":\"%s\"", use);
    }
    if (info->family != PS_FAMILY_RSA) {
        const size_t x_len = info->family == PS_FAMILY_EC ? info->coordinate : parts->point.len;

        ps_buf_put_u8(out, ',');
        put_member(out, "x", ps_bytes(parts->point.data, x_len));
        if (info->family == PS_FAMILY_EC) {
            ps_buf_put_u8(out, ',');
            put_member(out, "y", ps_bytes_from(parts->point, x_len));
        }
    }
    ps_buf_put_u8(out, '}');
}
