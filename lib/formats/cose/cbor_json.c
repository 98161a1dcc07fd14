#include "lib/formats/cose/cbor_json.h"

#include "lib/base/encode.h"
#include "lib/formats/cose/cwt.h"
#include "lib/formats/json/internal.h"

#include <stdlib.h>

/* Of what one object of the JSON becomes. */
#define OBJECT_MAX (2u * 1024u * 1024u)

static void free_pairs(struct cbor_pair **pairs)
{
    free(*pairs);
}

/* RFC 8392 section 3.1: the labels of the registered claims. */
static int64_t claim_label(struct ps_bytes name)
{
    static const struct {
        const char *name;
        int64_t label;
    } claims[] = {{"iss", CWT_ISS}, {"sub", CWT_SUB}, {"aud", CWT_AUD}, {"exp", CWT_EXP},
                  {"nbf", CWT_NBF}, {"iat", CWT_IAT}, {"cti", CWT_CTI}};

    for (size_t i = 0; i < PS_COUNT_OF(claims); i++) {
        if (ps_bytes_equal_str(name, claims[i].name)) {
            return claims[i].label;
        }
    }
    return 0;
}

/* Digits without zeros in front, "-" before all but 0; so that each number has one name. */
static bool read_label(struct ps_bytes name, int64_t *ret_label)
{
    const bool is_negative = name.len > 1 && name.data[0] == '-';
    const struct ps_bytes digits = is_negative ? ps_bytes_from(name, 1) : name;
    int64_t number = 0;

    if (digits.len == 0 || digits.len > 15 ||
        (digits.data[0] == '0' && (digits.len > 1 || is_negative))) {
        return false;
    }
    for (size_t i = 0; i < digits.len; i++) {
        if (!ps_is_digit(digits.data[i])) {
            return false;
        }
        number = number * 10 + (digits.data[i] - '0');
    }
    *ret_label = is_negative ? -number : number;
    return true;
}

static enum ps_err put_value(struct json_value value, struct ps_buf *out);

static enum ps_err put_key(struct cbor_map *map, struct ps_bytes name, int64_t known_label)
{
    PS_BUF_AUTO key = {.max = OBJECT_MAX};
    int64_t label = known_label;

    if (known_label != 0 || read_label(name, &label)) {
        cbor_put_integer(&key, label);
    } else {
        cbor_put_text(&key, name);
    }
    PS_TRY(ps_buf_status(&key));
    return cbor_map_key(map, ps_buf_bytes(&key));
}

static enum ps_err put_octets(struct json_value value, struct ps_buf *out)
{
    PS_BUF_AUTO octets = {.max = OBJECT_MAX};
    struct ps_bytes text;

    if (json_type(value) != JSON_STRING || json_string(value, &text) != PS_OK ||
        ps_base64url_decode(text, &octets) != PS_OK) {
        return ps_fail(PS_E_INPUT, 0, "claim \"cti\" is no base64url");
    }
    cbor_put_bytes(out, ps_buf_bytes(&octets));
    return ps_buf_status(out);
}

static enum ps_err put_object(struct json_value object, bool is_claims, struct ps_buf *out)
{
    const size_t room = json_count(object);
    PS_CLEANUP(free_pairs) struct cbor_pair *pairs = calloc(room + 1, sizeof *pairs);
    PS_BUF_AUTO memory = {.max = OBJECT_MAX};
    struct cbor_map map = {.memory = &memory, .pairs = pairs, .room = room};
    struct json_value value;
    struct ps_bytes name;
    uint32_t cursor = 0;

    if (pairs == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    while (json_next(object, &cursor, &name, &value)) {
        int64_t label;

        if (name.len != 0 && memchr(name.data, '\\', name.len) != NULL) {
            return ps_fail(PS_E_INPUT, 0, "a member's name is written with escapes");
        }
        label = is_claims ? claim_label(name) : 0;
        PS_TRY(put_key(&map, name, label));
        PS_TRY(label == CWT_CTI ? put_octets(value, &memory) : put_value(value, &memory));
    }
    return cbor_put_map(&map, out);
}

static enum ps_err put_array(struct json_value array, struct ps_buf *out)
{
    struct json_value value;
    uint32_t cursor = 0;

    cbor_put_head(out, CBOR_ARRAY, json_count(array));
    while (json_next(array, &cursor, NULL, &value)) {
        PS_TRY(put_value(value, out));
    }
    return ps_buf_status(out);
}

static enum ps_err put_number(struct json_value value, struct ps_buf *out)
{
    int64_t number;

    if (json_integer(value, &number) != PS_OK) {
        return ps_fail(PS_E_INPUT, 0, "a number that is not whole, or too large");
    }
    cbor_put_integer(out, number);
    return ps_buf_status(out);
}

static enum ps_err put_string(struct json_value value, struct ps_buf *out)
{
    struct ps_bytes text;

    PS_TRY(json_string(value, &text));
    cbor_put_text(out, text);
    return ps_buf_status(out);
}

static enum ps_err put_value(struct json_value value, struct ps_buf *out)
{
    switch (json_type(value)) {
    case JSON_NULL:
        cbor_put_head(out, CBOR_SIMPLE, CBOR_NULL);
        return ps_buf_status(out);
    case JSON_FALSE:
        cbor_put_head(out, CBOR_SIMPLE, CBOR_FALSE);
        return ps_buf_status(out);
    case JSON_TRUE:
        cbor_put_head(out, CBOR_SIMPLE, CBOR_TRUE);
        return ps_buf_status(out);
    case JSON_NUMBER:
        return put_number(value, out);
    case JSON_STRING:
        return put_string(value, out);
    case JSON_ARRAY:
        return put_array(value, out);
    case JSON_OBJECT:
        return put_object(value, false, out);
    }
    return ps_fail(PS_E_INTERNAL, 0, "no such type of JSON");
}

enum ps_err cbor_put_json(struct json_value object, bool is_claims, struct ps_buf *out)
{
    if (json_type(object) != JSON_OBJECT) {
        return ps_fail(PS_E_INPUT, 0, "not a JSON object");
    }
    return put_object(object, is_claims, out);
}

static enum ps_err keep(struct json_value value, struct ps_bytes octets, struct ps_bytes *ret_kept)
{
    /* The document's memory is the reader's, which nobody else uses while values of it live. */
    uint8_t *memory = json_take_memory((struct json *)(uintptr_t)value.doc, octets.len);

    if (memory == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    memcpy(memory, octets.data, octets.len);
    *ret_kept = ps_bytes(memory, octets.len);
    return PS_OK;
}

enum ps_err cbor_map_from_json(struct json_value value, bool is_claims, struct ps_bytes *ret_map)
{
    PS_BUF_AUTO out = {.max = OBJECT_MAX};
    struct ps_bytes text;

    if (json_type(value) == JSON_STRING) {
        PS_TRY(json_string(value, &text));
        PS_TRY(ps_base64url_decode(text, &out));
    } else {
        PS_TRY(cbor_put_json(value, is_claims, &out));
    }
    if (out.len == 0) {
        return ps_fail(PS_E_INPUT, 0, "CBOR: no octets");
    }
    return keep(value, ps_buf_bytes(&out), ret_map);
}
