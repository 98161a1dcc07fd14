#include "frontends/oidc/pages/page.h"

#include "frontends/oidc/pages/files.h"
#include "lib/base/encode.h"

/*
 * Forms go to this program only. Where a person is sent afterwards is told by a page of its own
 * (leave.h) and not by a redirect that answers a form, which browsers would hold against
 * form-action, with all that the relying party redirects to in turn.
 */
static const char policy[] = "default-src 'none'; style-src 'self'; img-src 'self'; "
                             "form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

enum language page_language(const struct exchange *exchange)
{
    return language_pick(ps_bytes(NULL, 0),
                         http_request_header(exchange->request, HTTP_ACCEPT_LANGUAGE));
}

enum language page_language_of(const struct login *login)
{
    enum language language;

    return language_find(transaction_text(&login->transaction, TRANSACTION_LANGUAGE), &language)
               ? language
               : page_language(login->exchange);
}

/* The operator's name in this language, or in English, or what the page is. */
static struct ps_bytes service_name(const struct page *page)
{
    const struct settings_pages *settings = &page->exchange->service->config->pages;
    const char *const names[LANGUAGES] = {
        [LANGUAGE_en] = settings->name_en,
        [LANGUAGE_fr] = settings->name_fr,
        [LANGUAGE_ar] = settings->name_ar,
        [LANGUAGE_hi] = settings->name_hi,
    };

    if (names[page->language][0] != '\0') {
        return ps_bytes_str(names[page->language]);
    }
    return names[LANGUAGE_en][0] != '\0' ? ps_bytes_str(names[LANGUAGE_en])
                                         : text_of(page->language, TEXT_service);
}

static void put_meta(struct html *html, const char *name, const char *content)
{
    html_open(html, HTML_meta);
    html_attribute_str(html, HTML_AT_name, name);
    html_attribute_str(html, HTML_AT_content, content);
}

static void put_onward(struct html *html, struct ps_bytes address)
{
    PS_BUF_AUTO content = {.max = HTTP_LOCATION_MAX * 2 + 16};

    ps_buf_put_str(&content, "0;url=");
    ps_buf_put(&content, address);
    html_open(html, HTML_meta);
    html_attribute_str(html, HTML_AT_http_equiv, "refresh");
    html_attribute(html, HTML_AT_content, ps_buf_bytes(&content));
    if (ps_buf_status(&content) != PS_OK && html->out->err == PS_OK) {
        html->out->err = content.err;
    }
}

static void put_link(const struct page *page, struct html *html, const char *rel, enum file file)
{
    char path[FILES_PATH_MAX];

    if (files_path(&page->exchange->service->files, file, path)) {
        html_open(html, HTML_link);
        html_attribute_str(html, HTML_AT_rel, rel);
        html_place(html, HTML_AT_href, ps_bytes_str(path));
    }
}

static void put_head(struct page *page, const struct page_head *head)
{
    struct html *html = &page->html;

    html_open(html, HTML_head);
    html_open(html, HTML_meta);
    html_attribute_str(html, HTML_AT_charset, "utf-8");
    html_open(html, HTML_title);
    if (head->has_problem) {
        html_text(html, text_of(page->language, TEXT_problem));
        html_text(html, ps_bytes_str(" – "));
    }
    html_text(html, text_of(page->language, head->title));
    html_text(html, ps_bytes_str(" – "));
    html_text(html, service_name(page));
    html_close(html);
    put_meta(html, "viewport", "width=device-width, initial-scale=1");
    put_meta(html, "robots", "noindex");
    if (head->onward.len != 0) {
        put_onward(html, head->onward);
    }
    put_link(page, html, "stylesheet", FILE_STYLE);
    put_link(page, html, "icon", FILE_LOGO);
    html_close(html);
}

/* Each by its own name, and for voices that speak it. */
static void put_languages(struct page *page)
{
    struct html *html = &page->html;

    html_open(html, HTML_nav);
    html_attribute(html, HTML_AT_aria_label, text_of(page->language, TEXT_language));
    page_open_form(page);
    for (unsigned i = 0; i < LANGUAGES; i++) {
        page_open_button(page, "language", "language", languages[i].code);
        html_attribute_str(html, HTML_AT_lang, languages[i].code);
        html_attribute_str(html, HTML_AT_dir, languages[i].direction);
        if (i == (unsigned)page->language) {
            html_attribute_str(html, HTML_AT_aria_current, "true");
        }
        html_text(html, ps_bytes_str(languages[i].name));
        html_close(html);
    }
    html_close(html);
    html_close(html);
}

static void put_banner(struct page *page)
{
    struct html *html = &page->html;
    char path[FILES_PATH_MAX];

    html_open(html, HTML_header);
    if (files_path(&page->exchange->service->files, FILE_LOGO, path)) {
        html_open(html, HTML_img);
        html_place(html, HTML_AT_src, ps_bytes_str(path));
        html_attribute_str(html, HTML_AT_alt, "");
    }
    html_open(html, HTML_p);
    html_attribute_str(html, HTML_AT_class_, "service");
    html_text(html, service_name(page));
    html_close(html);
    if (page->login != NULL) {
        put_languages(page);
    }
    html_close(html);
}

void page_begin(struct page *page, const struct page_head *head)
{
    struct html *html = &page->html;

    *page = (struct page){.exchange = head->exchange,
                          .language = head->language,
                          .login = head->login,
                          .status = head->status};
    html_begin(html, http_request_out(head->exchange->request));
    html_open(html, HTML_html);
    html_attribute_str(html, HTML_AT_lang, languages[page->language].code);
    html_attribute_str(html, HTML_AT_dir, languages[page->language].direction);
    put_head(page, head);
    html_open(html, HTML_body);
    html_open(html, HTML_a);
    html_attribute_str(html, HTML_AT_class_, "skip");
    html_anchor(html, "content");
    html_text(html, text_of(page->language, TEXT_skip_to_content));
    html_close(html);
    put_banner(page);
    html_open(html, HTML_main);
    html_attribute_str(html, HTML_AT_id, "content");
    html_element(html, HTML_h1, text_of(page->language, head->title));
}

void page_end(struct page *page)
{
    char cookie[VISITOR_COOKIE_MAX] = "";
    const struct visitor *visitor = visitor_of(page->exchange);
    const struct http_field fields[] = {
        {"Content-Security-Policy", policy},
        {"Referrer-Policy", "no-referrer"},
        {"X-Content-Type-Options", "nosniff"},
        {"X-Frame-Options", "DENY"},
        {"Permissions-Policy", "camera=(), geolocation=(), microphone=()"},
        {"Cache-Control", "no-store"},
        {"Set-Cookie", cookie},
    };
    const bool sets_cookie = page->login != NULL && visitor->is_new;
    const struct http_answer answer = {
        .status = page->status,
        .media = "text/html; charset=utf-8",
        .retry_after_s = page->status == 503 ? 1 : 0,
        .fields = fields,
        .field_count = PS_COUNT_OF(fields) - (sets_cookie ? 0 : 1),
    };

    visitor_make_cookie(visitor, cookie);
    html_close(&page->html); /* main */
    html_close(&page->html); /* body */
    html_close(&page->html); /* html */
    if (html_end(&page->html) != PS_OK) {
        browser_fail(page->exchange, http_request_out(page->exchange->request)->err);
        return;
    }
    http_answer(page->exchange->request, &answer);
}

void page_put(struct page *page, enum html_element element, enum text text)
{
    html_element(&page->html, element, text_of(page->language, text));
}

void page_put_with(struct page *page, enum html_element element, enum text text,
                   struct ps_bytes value)
{
    html_open(&page->html, element);
    html_text_with(&page->html, text_of(page->language, text), value);
    html_close(&page->html);
}

void page_put_as(struct page *page, enum html_element element, const char *class, const char *id,
                 enum text text)
{
    html_open(&page->html, element);
    if (class != NULL) {
        html_attribute_str(&page->html, HTML_AT_class_, class);
    }
    if (id != NULL) {
        html_attribute_str(&page->html, HTML_AT_id, id);
    }
    html_text(&page->html, text_of(page->language, text));
    html_close(&page->html);
}

static void put_hidden(struct html *html, const char *name, const char *value)
{
    html_open(html, HTML_input);
    html_attribute_str(html, HTML_AT_type, "hidden");
    html_attribute_str(html, HTML_AT_name, name);
    html_attribute_str(html, HTML_AT_value, value);
}

void page_open_form(struct page *page)
{
    struct html *html = &page->html;
    char token[CSRF_TOKEN_LEN + 1];

    visitor_make_token(visitor_of(page->exchange), page->login->handle, token);
    html_open(html, HTML_form);
    html_attribute_str(html, HTML_AT_method, "post");
    html_place(html, HTML_AT_action, ps_bytes_str(PAGE_STEPS));
    put_hidden(html, "login", page->login->handle);
    put_hidden(html, "token", token);
}

void page_open_button(struct page *page, const char *class, const char *name, const char *value)
{
    struct html *html = &page->html;

    html_open(html, HTML_button);
    html_attribute_str(html, HTML_AT_type, "submit");
    html_attribute_str(html, HTML_AT_class_, class);
    html_attribute_str(html, HTML_AT_name, name);
    html_attribute_str(html, HTML_AT_value, value);
}

void page_put_button(struct page *page, const char *class, const char *name, const char *value,
                     enum text text)
{
    page_open_button(page, class, name, value);
    html_text(&page->html, text_of(page->language, text));
    html_close(&page->html);
}

void page_put_problem(struct page *page, const struct problem *problem)
{
    struct html *html = &page->html;

    html_open(html, HTML_div);
    html_attribute_str(html, HTML_AT_class_, "problem");
    html_attribute_str(html, HTML_AT_id, "problem");
    html_attribute_str(html, HTML_AT_role, "alert");
    page_put(page, HTML_h2, TEXT_problem);
    page_put_with(page, HTML_p, problem->text, problem->value);
    html_close(html);
}
