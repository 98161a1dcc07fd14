#include "lib/formats/jose/header.h"

#include "lib/base/encode.h"
#include "lib/formats/json/internal.h"

static const struct json_limits header_limits = {64 * 1024, 16, 1000};

enum ps_err jose_next_member(struct json_value object, uint32_t *cursor, struct ps_bytes *ret_name,
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

enum ps_err jose_read_header(struct ps_bytes text, struct json_value *ret_header)
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
    *ret_header = root;
    return PS_OK;
}

bool jose_says(struct json_value value, const char *text)
{
    struct ps_bytes said;

    return json_type(value) == JSON_STRING && json_string(value, &said) == PS_OK &&
           ps_bytes_equal_str(said, text);
}

static void put_name(struct ps_buf *out, const char *name)
{
    ps_buf_put_str(out, ",\"");
    ps_buf_put_str(out, name);
    ps_buf_put_str(out, "\":");
}

void jose_put_text_member(struct ps_buf *out, const char *name, struct ps_bytes text)
{
    put_name(out, name);
    ps_buf_put_json_string(out, text);
}

void jose_put_raw_member(struct ps_buf *out, const char *name, struct ps_bytes json)
{
    put_name(out, name);
    ps_buf_put(out, json);
}

static enum ps_err check_string(struct ps_bytes name, struct json_value value)
{
    static const char *const strings[] = {"cty", "kid", "typ"};

    for (size_t i = 0; i < PS_COUNT_OF(strings); i++) {
        if (ps_bytes_equal_str(name, strings[i]) && json_type(value) != JSON_STRING) {
            return ps_fail(PS_E_INPUT, 0, "header member \"%s\" is no string", strings[i]);
        }
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

static enum ps_err put_member(struct ps_bytes name, struct json_value value,
                              enum jose_member_use use, struct ps_buf *out)
{
    if (use == JOSE_MEMBER_PASS_OVER) {
        return PS_OK;
    }
    if (use == JOSE_MEMBER_REFUSE) {
        return ps_fail(PS_E_INPUT, 0, "header member \"%.*s\" is not the caller's to set",
                       PS_BYTES_FMT(name));
    }
    PS_TRY(check_string(name, value));
    ps_buf_put_u8(out, ',');
    ps_buf_put(out, member_octets(value));
    return PS_OK;
}

enum ps_err jose_put_members(struct ps_bytes members, jose_member_use_fn *use, void *context,
                             struct ps_buf *out)
{
    struct json_value object;
    uint32_t cursor = 0;

    if (members.len == 0) {
        return PS_OK;
    }
    PS_TRY(jose_read_header(members, &object));
    for (;;) {
        struct json_value value = {0};
        struct ps_bytes name = {0};
        bool more = false;

        PS_TRY(jose_next_member(object, &cursor, &name, &value, &more));
        if (!more) {
            return PS_OK;
        }
        PS_TRY(put_member(name, value, use(context, name, value), out));
    }
}
