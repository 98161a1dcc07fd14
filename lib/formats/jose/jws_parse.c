#include "lib/formats/jose/jws.h"

#include "lib/base/encode.h"
#include "lib/formats/jose/header.h"
#include "lib/formats/jose/jws_internal.h"
#include "lib/formats/json/internal.h"

static const struct json_limits text_limits = {4 * 1024 * 1024, 16, 1000};

/* The texts of a JWS before they are decoded. */
struct texts {
    struct ps_bytes header;
    struct ps_bytes payload;
    struct ps_bytes signature;
    bool has_payload;
    bool in_reader; /* may lie in the JSON reader's memory, which is used again */
    bool has_unprotected;
    struct json_value unprotected; /* in the reader of JSON_SLOT_TEXT */
};

static enum ps_err bad(const char *what)
{
    return ps_fail(PS_E_INPUT, 0, "JWS: %s", what);
}

static enum ps_err as_input(enum ps_err err)
{
    return err == PS_E_LIMIT ? PS_E_INPUT : err;
}

/* RFC 7515 section 7.1: exactly three parts. */
static enum ps_err split_compact(struct ps_bytes text, struct texts *ret_texts)
{
    const uint8_t *first = memchr(text.data, '.', text.len);
    const uint8_t *end = text.data + text.len;
    const uint8_t *second = NULL;

    if (first != NULL) {
        second = memchr(first + 1, '.', (size_t)(end - first - 1));
    }
    if (second == NULL || memchr(second + 1, '.', (size_t)(end - second - 1)) != NULL) {
        return bad("a compact one has three parts with dots between them");
    }
    *ret_texts = (struct texts){
        .header = ps_bytes(text.data, (size_t)(first - text.data)),
        .payload = ps_bytes(first + 1, (size_t)(second - first - 1)),
        .signature = ps_bytes(second + 1, (size_t)(end - second - 1)),
        /* An empty payload and a detached one look the same. */
        .has_payload = second - first > 1,
    };
    return PS_OK;
}

static enum ps_err read_text(struct json_value object, const char *name, struct ps_bytes *ret_text)
{
    struct json_value value;

    if (!json_member(object, name, &value) || json_type(value) != JSON_STRING) {
        return ps_fail(PS_E_INPUT, 0, "JWS: member \"%s\" is missing or no string", name);
    }
    return json_string(value, ret_text);
}

static bool has_member(struct json_value object, const char *name)
{
    struct json_value value;

    return json_member(object, name, &value);
}

/* Flattened: the object itself. General: the only element of "signatures". */
static enum ps_err find_signature(struct json_value root, struct json_value *ret_object)
{
    struct json_value list;
    uint32_t cursor = 0;

    if (!json_member(root, "signatures", &list)) {
        *ret_object = root;
        return PS_OK;
    }
    if (has_member(root, "signature") || has_member(root, "protected") ||
        has_member(root, "header")) {
        return bad("both the flattened and the general form");
    }
    if (json_type(list) != JSON_ARRAY || json_count(list) != 1 ||
        !json_next(list, &cursor, NULL, ret_object) || json_type(*ret_object) != JSON_OBJECT) {
        return bad("\"signatures\" holds other than one signature");
    }
    return PS_OK;
}

static enum ps_err split_json(struct ps_bytes text, struct texts *ret_texts)
{
    struct texts texts = {.in_reader = true};
    struct json *json;
    struct json_value root;
    struct json_value object;

    PS_TRY(json_thread_reader(JSON_SLOT_TEXT, &json));
    PS_TRY(as_input(json_parse(json, text, &text_limits, &root)));
    PS_TRY(find_signature(root, &object));
    PS_TRY(read_text(object, "protected", &texts.header));
    PS_TRY(read_text(object, "signature", &texts.signature));
    texts.has_payload = has_member(root, "payload");
    if (texts.has_payload) {
        PS_TRY(read_text(root, "payload", &texts.payload));
    }
    texts.has_unprotected = json_member(object, "header", &texts.unprotected);
    *ret_texts = texts;
    return PS_OK;
}

/*
 * What is decoded or copied goes into `memory`, which must not move while parts of it are in use:
 * room for all of it is made at once.
 */
static enum ps_err make_room(const struct texts *texts, const struct ps_bytes *detached,
                             struct ps_buf *memory)
{
    size_t room = 2 * (texts->header.len + 4) + texts->payload.len + 4 + texts->signature.len + 4;

    if (texts->in_reader) {
        room += texts->header.len + texts->payload.len + texts->signature.len;
    }
    if (detached != NULL) {
        room += ps_base64url_len(detached->len);
    }
    return ps_buf_reserve(memory, room) != NULL ? PS_OK : ps_buf_status(memory);
}

static struct ps_bytes copy(struct ps_bytes octets, struct ps_buf *memory)
{
    const size_t start = memory->len;

    ps_buf_put(memory, octets);
    return ps_bytes(memory->data + start, memory->len - start);
}

static enum ps_err decode(struct ps_bytes text, struct ps_buf *memory, struct ps_bytes *ret_octets)
{
    const size_t start = memory->len;

    PS_TRY(ps_base64url_decode(text, memory));
    *ret_octets = ps_bytes(memory->data + start, memory->len - start);
    return PS_OK;
}

static void leave_reader(struct texts *texts, struct ps_buf *memory)
{
    if (texts->in_reader) {
        texts->header = copy(texts->header, memory);
        texts->payload = copy(texts->payload, memory);
        texts->signature = copy(texts->signature, memory);
    }
}

/*
 * RFC 7515 section 4.1.11: what "crit" lists must be understood and there; it is never empty and
 * names nothing twice. RFC 7797 section 6: "b64" with false must be listed.
 */
static enum ps_err read_critical(struct json_value header, bool *ret_unencoded)
{
    struct json_value b64;
    struct json_value crit;
    struct json_value name;
    struct ps_bytes text = {0};
    uint32_t cursor = 0;
    const bool has_b64 = json_member(header, "b64", &b64);
    const bool has_crit = json_member(header, "crit", &crit);

    if (has_b64 && json_type(b64) != JSON_TRUE && json_type(b64) != JSON_FALSE) {
        return bad("\"b64\" is neither true nor false");
    }
    *ret_unencoded = has_b64 && json_type(b64) == JSON_FALSE;
    if (!has_crit) {
        return *ret_unencoded ? bad("\"b64\" is not listed in \"crit\"") : PS_OK;
    }
    if (json_type(crit) != JSON_ARRAY || json_count(crit) != 1 ||
        !json_next(crit, &cursor, NULL, &name) || json_type(name) != JSON_STRING) {
        return bad("\"crit\" is not a list of what we understand");
    }
    PS_TRY(json_string(name, &text));
    if (!ps_bytes_equal_str(text, "b64") || !has_b64) {
        return bad("\"crit\" names what we do not understand or what is not there");
    }
    return PS_OK;
}

static enum ps_err has_name(struct json_value object, struct ps_bytes name, bool *ret_has)
{
    struct ps_bytes other = {0};
    struct json_value value;
    uint32_t cursor = 0;
    bool more = true;

    *ret_has = false;
    while (more && !*ret_has) {
        PS_TRY(jose_next_member(object, &cursor, &other, &value, &more));
        *ret_has = more && ps_bytes_equal(other, name);
    }
    return PS_OK;
}

/*
 * RFC 7515 section 7.2.1: the names in both headers MUST be disjoint. What decides about the
 * verification counts only where the signature covers it.
 */
static enum ps_err check_unprotected(struct json_value unprotected, struct json_value header)
{
    uint32_t cursor = 0;

    if (json_type(unprotected) != JSON_OBJECT) {
        return bad("the unprotected header is no object");
    }
    for (;;) {
        struct json_value value;
        struct ps_bytes name = {0};
        bool more = false;
        bool in_both = false;

        PS_TRY(jose_next_member(unprotected, &cursor, &name, &value, &more));
        if (!more) {
            return PS_OK;
        }
        if (jws_name_reserved(name)) {
            return ps_fail(PS_E_INPUT, 0, "JWS: \"%.*s\" stands in the unprotected header",
                           PS_BYTES_FMT(name));
        }
        PS_TRY(has_name(header, name, &in_both));
        if (in_both) {
            return bad("a member stands in both headers");
        }
    }
}

static enum ps_err read_header(const struct texts *texts, struct ps_buf *memory,
                               struct jws_parsed *jws)
{
    struct json_value root;
    struct ps_bytes text;

    PS_TRY(jose_read_header(jws->header, &root));
    PS_TRY(read_text(root, "alg", &text));
    jws->alg = ps_alg_by_name(text);
    if (jws->alg == PS_ALG_NONE) {
        return bad("an algorithm that we do not take");
    }
    if (has_member(root, "kid")) {
        PS_TRY(read_text(root, "kid", &text));
        jws->kid = copy(text, memory);
    }
    PS_TRY(read_critical(root, &jws->unencoded));
    return texts->has_unprotected ? check_unprotected(texts->unprotected, root) : PS_OK;
}

static enum ps_err read_payload(const struct texts *texts, const struct ps_bytes *detached,
                                struct ps_buf *memory, struct jws_parsed *jws)
{
    const size_t start = memory->len;

    if (detached != NULL) {
        jws->payload = *detached;
        jws->payload_as_signed = *detached;
        if (!jws->unencoded) {
            ps_buf_put_base64url(memory, *detached);
            jws->payload_as_signed = ps_bytes(memory->data + start, memory->len - start);
        }
        return PS_OK;
    }
    jws->payload_as_signed = texts->payload;
    if (jws->unencoded) {
        jws->payload = texts->payload;
        return PS_OK;
    }
    return decode(texts->payload, memory, &jws->payload);
}

enum ps_err jws_parse(struct ps_bytes text, const struct ps_bytes *detached, struct ps_buf *memory,
                      struct jws_parsed *ret_jws)
{
    const struct ps_bytes *given = detached != NULL && detached->data != NULL ? detached : NULL;
    struct jws_parsed jws = {0};
    struct texts texts = {0};

    if (text.len == 0) {
        return bad("nothing there");
    }
    if (text.data[0] == '{') {
        PS_TRY(split_json(text, &texts));
    } else {
        PS_TRY(split_compact(text, &texts));
    }
    if (texts.has_payload == (given != NULL)) {
        return bad(given != NULL ? "a payload inside and one beside it"
                                 : "its payload is detached and was not given");
    }
    PS_TRY(make_room(&texts, given, memory));
    leave_reader(&texts, memory);
    jws.header_b64 = texts.header;
    PS_TRY(decode(texts.header, memory, &jws.header));
    PS_TRY(read_header(&texts, memory, &jws));
    PS_TRY(read_payload(&texts, given, memory, &jws));
    PS_TRY(decode(texts.signature, memory, &jws.signature));
    PS_TRY(ps_buf_status(memory));
    *ret_jws = jws;
    return PS_OK;
}

/* In a compact JWS the signing input stands in the text as it is. */
static bool is_contiguous(const struct jws_parsed *jws)
{
    return jws->payload_as_signed.data == jws->header_b64.data + jws->header_b64.len + 1;
}

static enum ps_err verify_message(const struct jws_parsed *jws, struct public_key *key)
{
    const size_t len = jws->header_b64.len + 1 + jws->payload_as_signed.len;
    PS_BUF_AUTO message = {.max = len};

    if (is_contiguous(jws)) {
        return public_key_verify(key, jws->alg, ps_bytes(jws->header_b64.data, len),
                                 jws->signature);
    }
    ps_buf_put(&message, jws->header_b64);
    ps_buf_put_u8(&message, '.');
    ps_buf_put(&message, jws->payload_as_signed);
    PS_TRY(ps_buf_status(&message));
    return public_key_verify(key, jws->alg, ps_buf_bytes(&message), jws->signature);
}

enum ps_err jws_verify(const struct jws_parsed *jws, struct public_key *key)
{
    const struct ps_alg_info *info = ps_alg_info(jws->alg);
    const struct ps_bytes parts[] = {jws->header_b64, ps_bytes(".", 1), jws->payload_as_signed};
    uint8_t digest[PS_HASH_MAX];

    if (info->signs_message) {
        return verify_message(jws, key);
    }
    ps_hash_parts(info->hash, parts, PS_COUNT_OF(parts), digest);
    return public_key_verify_digest(key, jws->alg, ps_bytes(digest, ps_hash_len(info->hash)),
                                    jws->signature);
}
