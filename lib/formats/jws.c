#include "lib/formats/jws.h"

#include "lib/base/encode.h"
#include "lib/formats/internal.h"
#include "lib/formats/jws_internal.h"

static const struct json_limits header_limits = {64 * 1024, 16, 1000};

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

enum ps_err jws_next_member(struct json_value object, uint32_t *cursor, struct ps_bytes *ret_name,
                            struct json_value *ret_value, bool *ret_more)
{
    struct json_value value;

    *ret_more = json_next(object, cursor, NULL, &value);
    if (!*ret_more) {
        return PS_OK;
    }
    *ret_value = value;
    /* The token before a member's value is its name. */
    return json_token_text((struct json *)(uintptr_t)object.doc, value.at - 1, ret_name);
}

static void put_text_member(struct ps_buf *out, const char *name, struct ps_bytes text)
{
    ps_buf_printf(out, ",\"%s\":", name);
    ps_buf_put_json_string(out, text);
}

static void put_raw_member(struct ps_buf *out, const char *name, struct ps_bytes json)
{
    ps_buf_printf(out, ",\"%s\":", name);
    ps_buf_put(out, json);
}

static void put_own_members(const struct jws_header *header, struct ps_buf *out)
{
    ps_buf_put_str(out, "{\"alg\":\"");
    ps_buf_put_str(out, ps_alg_info(header->alg)->name);
    ps_buf_put_u8(out, '"');
    if (header->kid.len != 0) {
        put_text_member(out, "kid", header->kid);
    }
    if (header->x5c.len != 0) {
        put_raw_member(out, "x5c", header->x5c);
    }
    if (header->x5t_s256.len != 0) {
        put_text_member(out, "x5t#S256", header->x5t_s256);
    }
    if (header->jwk.len != 0) {
        put_raw_member(out, "jwk", header->jwk);
    }
    if (header->unencoded) {
        /* RFC 7797 section 6: "b64" MUST be listed in "crit" when its value is false. */
        ps_buf_put_str(out, ",\"b64\":false,\"crit\":[\"b64\"]");
    }
}

static bool says_same_alg(const struct jws_header *header, struct json_value value)
{
    struct ps_bytes text;

    return json_type(value) == JSON_STRING && json_string(value, &text) == PS_OK &&
           ps_bytes_equal_str(text, ps_alg_info(header->alg)->name);
}

/* RFC 7515 sections 4.1.9 and 4.1.10: both are strings. */
static enum ps_err check_media_type(struct ps_bytes name, struct json_value value)
{
    if ((ps_bytes_equal_str(name, "typ") || ps_bytes_equal_str(name, "cty")) &&
        json_type(value) != JSON_STRING) {
        return ps_fail(PS_E_INPUT, 0, "header member \"%.*s\" is no string", PS_BYTES_FMT(name));
    }
    return PS_OK;
}

/* The octets from the name's quote to the end of the value, as they stand in the text. */
static struct ps_bytes member_octets(struct json_value value)
{
    const uint32_t start = value.doc->tokens[value.at - 1].start;
    const uint32_t end = value.doc->tokens[value.at].end;

    return ps_bytes(value.doc->text.data + start, end - start);
}

static enum ps_err put_members(const struct jws_header *header, struct json_value members,
                               struct ps_buf *out, bool *ret_has_type)
{
    uint32_t cursor = 0;

    for (;;) {
        struct json_value value;
        struct ps_bytes name;
        bool more;

        PS_TRY(jws_next_member(members, &cursor, &name, &value, &more));
        if (!more) {
            return PS_OK;
        }
        if (ps_bytes_equal_str(name, "alg") && says_same_alg(header, value)) {
            continue;
        }
        if (jws_name_reserved(name)) {
            return ps_fail(PS_E_INPUT, 0, "header member \"%.*s\" is not the caller's to set",
                           PS_BYTES_FMT(name));
        }
        PS_TRY(check_media_type(name, value));
        *ret_has_type = *ret_has_type || ps_bytes_equal_str(name, "typ");
        ps_buf_put_u8(out, ',');
        ps_buf_put(out, member_octets(value));
    }
}

static enum ps_err parse_members(struct ps_bytes text, struct json_value *ret_members)
{
    struct json *json;
    struct json_value root;
    enum ps_err err;

    PS_TRY(json_thread_reader(JSON_SLOT_HEADER, &json));
    err = json_parse(json, text, &header_limits, &root);
    if (err != PS_OK) {
        return err == PS_E_LIMIT ? PS_E_INPUT : err;
    }
    if (json_type(root) != JSON_OBJECT) {
        return ps_fail(PS_E_INPUT, 0, "the header is no JSON object");
    }
    *ret_members = root;
    return PS_OK;
}

enum ps_err jws_put_header(const struct jws_header *header, struct ps_buf *out)
{
    const size_t start = out->len;
    bool has_type = false;

    put_own_members(header, out);
    if (header->members.len != 0) {
        struct json_value members = {0};
        enum ps_err err = parse_members(header->members, &members);

        if (err == PS_OK) {
            err = put_members(header, members, out, &has_type);
        }
        if (err != PS_OK) {
            out->len = start;
            return err;
        }
    }
    if (header->type != NULL && !has_type) {
        put_text_member(out, "typ", ps_bytes_str(header->type));
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
