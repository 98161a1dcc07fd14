#include "frontends/oidc/pages/leave.h"

#include "frontends/oidc/pages/show.h"

/* Room for what is ours besides the state, each octet of which becomes three. */
#define ADDRESS_MAX (8u * 1024u)

/* RFC 6749 appendix B; what RFC 3986 section 2.3 leaves alone stays as it is. */
static void put_escaped(struct ps_bytes text, struct ps_buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        const uint8_t c = text.data[i];

        if (ps_is_letter(c) || ps_is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~') {
            ps_buf_put_u8(out, c);
        } else {
            ps_buf_printf(out, "%%%02X", c);
        }
    }
}

static void put(const char *name, struct ps_bytes value, struct ps_buf *out)
{
    const bool has_query = out->len != 0 && memchr(out->data, '?', out->len) != NULL;

    if (value.len != 0) {
        ps_buf_printf(out, "%c%s=", has_query ? '&' : '?', name);
        put_escaped(value, out);
    }
}

enum ps_err leave_put(const struct leave *leave, const char *issuer, struct ps_buf *out)
{
    ps_buf_put(out, leave->redirect_uri);
    if (leave->code != NULL) {
        put("code", ps_bytes_str(leave->code), out);
    } else {
        put("error", ps_bytes_str(leave->error.error), out);
        put("error_description", ps_bytes_str(leave->error.description), out);
    }
    put("state", leave->state, out);
    put("iss", ps_bytes_str(issuer), out);
    return ps_buf_status(out);
}

struct oauth_error leave_error_of(const char *code)
{
    if (strcmp(code, "invalid_response_type") == 0) {
        return (struct oauth_error){"unsupported_response_type", NULL};
    }
    /* OpenID Connect Core section 3.1.2.6. */
    if (strcmp(code, "registration_not_supported") == 0) {
        return (struct oauth_error){code, NULL};
    }
    return oauth_error_of(code);
}

void leave_redirect(struct exchange *exchange, const struct leave *leave)
{
    static const struct http_field fields[] = {{"Referrer-Policy", "no-referrer"}};
    PS_BUF_AUTO address = PS_BUF_SECRET(HTTP_LOCATION_MAX);

    if (leave_put(leave, exchange->service->places.issuer, &address) != PS_OK) {
        show_request_mistake(exchange, "state");
        return;
    }
    http_answer(exchange->request, &(struct http_answer){.status = 303,
                                                         .location = ps_buf_bytes(&address),
                                                         .fields = fields,
                                                         .field_count = PS_COUNT_OF(fields)});
}

void leave_show(struct login *login, const struct leave *leave)
{
    const enum language language = page_language_of(login);
    struct page page;
    PS_BUF_AUTO address = PS_BUF_SECRET(ADDRESS_MAX);
    PS_BUF_AUTO client = {.max = SHOW_NAME_MAX};
    enum ps_err err = leave_put(leave, login->exchange->service->places.issuer, &address);

    if (err == PS_OK) {
        err = show_find_client(login, language, &client);
    }
    if (err == PS_E_NOT_FOUND) {
        show_over(login->exchange);
        return;
    }
    if (err != PS_OK) {
        show_failure(login->exchange, err);
        return;
    }
    page_begin(&page, &(struct page_head){.exchange = login->exchange,
                                          .language = language,
                                          .title = TEXT_leave_title,
                                          .status = 200,
                                          .onward = ps_buf_bytes(&address)});
    html_open(&page.html, HTML_p);
    html_open(&page.html, HTML_a);
    html_place(&page.html, HTML_AT_href, ps_buf_bytes(&address));
    html_attribute_str(&page.html, HTML_AT_rel, "noreferrer");
    html_text_with(&page.html, text_of(language, TEXT_leave_link), ps_buf_bytes(&client));
    html_close(&page.html);
    html_close(&page.html);
    page_end(&page);
}
