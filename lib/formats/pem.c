#include "lib/formats/pem.h"

#include "lib/base/encode.h"

#define HEAD "-----BEGIN "
#define FOOT "-----END "
#define TAIL "-----"

#define BASE64_MAX (1024u * 1024u)

static bool is_space(uint8_t c)
{
    return c == '\n' || c == '\r' || c == ' ' || c == '\t';
}

static void skip_space(struct ps_bytes *text)
{
    while (text->len != 0 && is_space(text->data[0])) {
        *text = ps_bytes_from(*text, 1);
    }
}

/* Moves `text` behind what it begins with; false when it does not. */
static bool skip(struct ps_bytes *text, const char *what)
{
    const struct ps_bytes wanted = ps_bytes_str(what);

    if (!ps_bytes_starts_with(*text, wanted)) {
        return false;
    }
    *text = ps_bytes_from(*text, wanted.len);
    return true;
}

static bool skip_line(struct ps_bytes *text, const char *before, const char *label)
{
    return skip(text, before) && skip(text, label) && skip(text, TAIL);
}

enum ps_err pem_take(struct ps_bytes *text, const char *label, struct ps_buf *out)
{
    PS_BUF_AUTO base64 = {.max = BASE64_MAX};
    struct ps_bytes rest = *text;

    skip_space(&rest);
    if (rest.len == 0) {
        return ps_fail(PS_E_NOT_FOUND, 0, "no more PEM texts");
    }
    if (!skip_line(&rest, HEAD, label)) {
        return ps_fail(PS_E_INPUT, 0, "not a PEM text that begins with " HEAD "%s" TAIL, label);
    }
    while (rest.len != 0 && rest.data[0] != '-') {
        if (!is_space(rest.data[0])) {
            ps_buf_put_u8(&base64, rest.data[0]);
        }
        rest = ps_bytes_from(rest, 1);
    }
    PS_TRY(ps_buf_status(&base64));
    if (!skip_line(&rest, FOOT, label)) {
        return ps_fail(PS_E_INPUT, 0, "a PEM text without its end, " FOOT "%s" TAIL, label);
    }
    PS_TRY(ps_base64_decode(ps_buf_bytes(&base64), out));
    *text = rest;
    return PS_OK;
}

void pem_put(const char *label, struct ps_bytes der, struct ps_buf *out)
{
    ps_buf_put_str(out, HEAD);
    ps_buf_put_str(out, label);
    ps_buf_put_str(out, TAIL "\n");
    while (der.len != 0) {
        /* 48 octets make a line of 64 characters, RFC 7468 section 2. */
        const size_t line = der.len < 48 ? der.len : 48;

        ps_buf_put_base64(out, ps_bytes(der.data, line));
        ps_buf_put_u8(out, '\n');
        der = ps_bytes_from(der, line);
    }
    ps_buf_put_str(out, FOOT);
    ps_buf_put_str(out, label);
    ps_buf_put_str(out, TAIL "\n");
}
