#include "lib/formats/jose/jws.h"

#include "lib/base/encode.h"
#include "lib/formats/json/internal.h"

static const struct json_limits claims_limits = {1024 * 1024, 16, 20000};

/* RFC 7519 section 4.1. */
struct claims {
    uint64_t iat;
    uint64_t exp;
    bool has_iat;
    bool has_exp;
    bool has_jti;
    bool has_iss;
    struct ps_bytes iss;
};

static enum ps_err read_time(struct json_value claims, const char *name, uint64_t *ret_s,
                             bool *ret_there)
{
    struct json_value value;
    int64_t number;

    *ret_there = json_member(claims, name, &value);
    if (!*ret_there) {
        return PS_OK;
    }
    if (json_type(value) != JSON_NUMBER || json_integer(value, &number) != PS_OK || number < 0) {
        return ps_fail(PS_E_INPUT, 0, "claim \"%s\" is no whole number of seconds", name);
    }
    *ret_s = (uint64_t)number;
    return PS_OK;
}

static enum ps_err read_text(struct json_value claims, const char *name, struct ps_bytes *ret_text,
                             bool *ret_there)
{
    struct json_value value;

    *ret_there = json_member(claims, name, &value);
    if (!*ret_there) {
        return PS_OK;
    }
    if (json_type(value) != JSON_STRING) {
        return ps_fail(PS_E_INPUT, 0, "claim \"%s\" is no string", name);
    }
    return json_string(value, ret_text);
}

static enum ps_err read_claims(struct json_value root, struct claims *ret_claims)
{
    struct claims claims = {0};
    struct ps_bytes text;
    uint64_t nbf;
    bool there;

    if (json_type(root) != JSON_OBJECT) {
        return ps_fail(PS_E_INPUT, 0, "the claims are no JSON object");
    }
    PS_TRY(read_time(root, "iat", &claims.iat, &claims.has_iat));
    PS_TRY(read_time(root, "exp", &claims.exp, &claims.has_exp));
    PS_TRY(read_time(root, "nbf", &nbf, &there));
    PS_TRY(read_text(root, "iss", &claims.iss, &claims.has_iss));
    PS_TRY(read_text(root, "sub", &text, &there));
    PS_TRY(read_text(root, "jti", &text, &claims.has_jti));
    *ret_claims = claims;
    return PS_OK;
}

static void fill_absent(struct claims *claims, const struct jwt_defaults *defaults)
{
    if (!claims->has_iat) {
        claims->iat = defaults->now_s;
    }
    if (!claims->has_exp && defaults->ttl_s != 0) {
        claims->exp = defaults->now_s + defaults->ttl_s;
    }
}

/*
 * A life is counted from now as well as from `iat`, so that neither an old nor a future `iat`
 * stretches it.
 */
static enum ps_err check_pins(const struct claims *claims, const struct jwt_defaults *defaults,
                              const struct jwt_pins *pins)
{
    const uint64_t from = claims->iat < defaults->now_s ? claims->iat : defaults->now_s;

    if (pins->issuer.len != 0 && (!claims->has_iss || !ps_bytes_equal(claims->iss, pins->issuer))) {
        return ps_fail(PS_E_DENIED, 0, "claim \"iss\" is not the issuer that this key is for");
    }
    if (pins->max_ttl_s == 0) {
        return PS_OK;
    }
    if (!claims->has_exp && defaults->ttl_s == 0) {
        return ps_fail(PS_E_DENIED, 0, "claim \"exp\" is missing, and this key limits lifetimes");
    }
    if (claims->exp > from && claims->exp - from > pins->max_ttl_s) {
        return ps_fail(PS_E_DENIED, 0, "lives longer than the %u s that this key allows",
                       pins->max_ttl_s);
    }
    return PS_OK;
}

enum ps_err jwt_check_claims(struct json_value root, uint64_t now_s, const struct jwt_pins *pins)
{
    const struct jwt_defaults defaults = {.now_s = now_s};
    struct claims claims = {0};

    PS_TRY(read_claims(root, &claims));
    fill_absent(&claims, &defaults);
    return check_pins(&claims, &defaults, pins);
}

static void put_number(struct ps_buf *out, bool *first, const char *name, uint64_t number)
{
    ps_buf_printf(out, "%s\"%s\":%llu", *first ? "" : ",", name, (unsigned long long)number);
    *first = false;
}

enum ps_err jwt_put_payload(struct ps_bytes claims_text, const struct jwt_defaults *defaults,
                            const struct jwt_pins *pins, struct ps_buf *out)
{
    struct json *json;
    struct json_value root;
    struct claims claims = {0};
    struct ps_bytes raw;
    bool first;
    enum ps_err err;

    PS_TRY(json_thread_reader(JSON_SLOT_TEXT, &json));
    err = json_parse(json, claims_text, &claims_limits, &root);
    if (err != PS_OK) {
        return err == PS_E_LIMIT ? PS_E_INPUT : err;
    }
    PS_TRY(read_claims(root, &claims));
    fill_absent(&claims, defaults);
    PS_TRY(check_pins(&claims, defaults, pins));
    raw = json_raw(root);
    first = json_count(root) == 0;
    ps_buf_put(out, ps_bytes(raw.data, raw.len - 1));
    if (!claims.has_iat) {
        put_number(out, &first, "iat", claims.iat);
    }
    if (!claims.has_exp && defaults->ttl_s != 0) {
        put_number(out, &first, "exp", claims.exp);
    }
    if (!claims.has_jti && defaults->jti.len != 0) {
        ps_buf_put_str(out, first ? "\"jti\":" : ",\"jti\":");
        ps_buf_put_json_string(out, defaults->jti);
    }
    ps_buf_put_u8(out, '}');
    return ps_buf_status(out);
}
