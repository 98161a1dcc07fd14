#include "lib/formats/jose/jws.h"

#include "lib/base/encode.h"
#include "lib/formats/jose/header.h"
#include "lib/formats/jose/jws_internal.h"
#include "lib/formats/jose/sd_jwt.h"

bool jws_name_reserved(struct ps_bytes name)
{
    static const char *const names[] = {"alg", "b64", "crit", "jku", "jwk",
                                        "kid", "x5c", "x5t",  "x5u", "x5t#S256"};

    for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
        if (ps_bytes_equal_str(name, names[i])) {
            return true;
        }
    }
    return false;
}

static void put_own_members(const struct jws_header *header, struct ps_buf *out)
{
    ps_buf_put_str(out, "{\"alg\":\"");
    ps_buf_put_str(out, ps_alg_info(header->alg)->name);
    ps_buf_put_u8(out, '"');
    if (header->kid.len != 0) {
        jose_put_text_member(out, "kid", header->kid);
    }
    if (header->x5c.len != 0) {
        jose_put_raw_member(out, "x5c", header->x5c);
    }
    if (header->x5t_s256.len != 0) {
        jose_put_text_member(out, "x5t#S256", header->x5t_s256);
    }
    if (header->jwk.len != 0) {
        jose_put_raw_member(out, "jwk", header->jwk);
    }
    if (header->unencoded) {
        /* RFC 7797 section 6: "b64" MUST be listed in "crit" when its value is false. */
        ps_buf_put_str(out, ",\"b64\":false,\"crit\":[\"b64\"]");
    }
}

struct members {
    const struct jws_header *header;
    bool has_type;
    bool has_type_of_sd_jwt;
};

static enum jose_member_use use_of(void *context, struct ps_bytes name, struct json_value value)
{
    struct members *members = context;
    struct ps_bytes type;

    if (ps_bytes_equal_str(name, "alg") &&
        jose_says(value, ps_alg_info(members->header->alg)->name)) {
        return JOSE_MEMBER_PASS_OVER;
    }
    if (ps_bytes_equal_str(name, "typ")) {
        members->has_type = true;
        members->has_type_of_sd_jwt = json_type(value) == JSON_STRING &&
                                      json_string(value, &type) == PS_OK && sd_jwt_is_type(type);
    }
    return jws_name_reserved(name) || members->has_type_of_sd_jwt ? JOSE_MEMBER_REFUSE
                                                                  : JOSE_MEMBER_TAKE;
}

enum ps_err jws_put_header(const struct jws_header *header, struct ps_buf *out)
{
    const size_t start = out->len;
    struct members members = {.header = header};
    enum ps_err err;

    put_own_members(header, out);
    err = jose_put_members(header->members, use_of, &members, out);
    if (err != PS_OK) {
        out->len = start;
        if (members.has_type_of_sd_jwt) {
            err = ps_fail(PS_E_DENIED, 0, "header: a \"typ\" of SD-JWTs, see sd-jwt/sign");
        }
        return err;
    }
    if (header->type != NULL && !members.has_type) {
        jose_put_text_member(out, "typ", ps_bytes_str(header->type));
    }
    ps_buf_put_u8(out, '}');
    return ps_buf_status(out);
}

enum ps_err jws_put_signing_input(struct ps_bytes header_json, struct ps_bytes payload,
                                  bool unencoded, struct ps_buf *out, size_t *ret_header_len)
{
    ps_buf_put_base64url(out, header_json);
    ps_buf_put_u8(out, '.');
    if (unencoded) {
        ps_buf_put(out, payload);
    } else {
        ps_buf_put_base64url(out, payload);
    }
    PS_TRY(ps_buf_status(out));
    *ret_header_len = ps_base64url_len(header_json.len);
    return PS_OK;
}

/* RFC 7797 section 5.2 and RFC 3986 section 2.3: unreserved characters, without the dot. */
static bool fits_compact(struct ps_bytes payload)
{
    for (size_t i = 0; i < payload.len; i++) {
        const uint8_t c = payload.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_' || c == '~')) {
            return false;
        }
    }
    return true;
}

static enum ps_err put_compact(struct ps_bytes header_b64, struct ps_bytes payload, bool unencoded,
                               struct ps_bytes signature, struct ps_buf *out)
{
    if (unencoded && !fits_compact(payload)) {
        return ps_fail(PS_E_INPUT, 0,
                       "an unencoded payload with characters that a compact JWS "
                       "cannot carry: take it detached or as JSON");
    }
    ps_buf_put(out, header_b64);
    ps_buf_put_u8(out, '.');
    if (unencoded) {
        ps_buf_put(out, payload);
    } else {
        ps_buf_put_base64url(out, payload);
    }
    ps_buf_put_u8(out, '.');
    ps_buf_put_base64url(out, signature);
    return ps_buf_status(out);
}

static enum ps_err put_detached(struct ps_bytes header_b64, struct ps_bytes signature,
                                struct ps_buf *out)
{
    ps_buf_put(out, header_b64);
    ps_buf_put_str(out, "..");
    ps_buf_put_base64url(out, signature);
    return ps_buf_status(out);
}

static enum ps_err put_json(struct ps_bytes header_b64, struct ps_bytes payload, bool unencoded,
                            struct ps_bytes signature, struct ps_buf *out)
{
    if (unencoded && !ps_utf8_valid(payload)) {
        return ps_fail(PS_E_INPUT, 0, "an unencoded payload that is not UTF-8: take it detached");
    }
    ps_buf_put_str(out, "{\"payload\":");
    if (unencoded) {
        ps_buf_put_json_string(out, payload);
    } else {
        ps_buf_put_u8(out, '"');
        ps_buf_put_base64url(out, payload);
        ps_buf_put_u8(out, '"');
    }
    ps_buf_put_str(out, ",\"protected\":\"");
    ps_buf_put(out, header_b64);
    ps_buf_put_str(out, "\",\"signature\":\"");
    ps_buf_put_base64url(out, signature);
    ps_buf_put_str(out, "\"}");
    return ps_buf_status(out);
}

enum ps_err jws_put(enum jws_serialization serialization, struct ps_bytes header_b64,
                    struct ps_bytes payload, bool unencoded, struct ps_bytes signature,
                    struct ps_buf *out)
{
    switch (serialization) {
    case JWS_COMPACT:
        return put_compact(header_b64, payload, unencoded, signature, out);
    case JWS_JSON:
        return put_json(header_b64, payload, unencoded, signature, out);
    case JWS_DETACHED:
        return put_detached(header_b64, signature, out);
    }
    return ps_fail(PS_E_INPUT, 0, "no such serialization");
}
