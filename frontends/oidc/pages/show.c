#include "frontends/oidc/pages/show.h"

#include "frontends/oidc/code.h"
#include "frontends/oidc/pages/leave.h"
#include "lib/base/clock.h"
#include "lib/base/line.h"

/* Of the names in other languages the one of this; else the client's plain one. */
static struct ps_bytes name_of(const struct client *client, struct json *reader,
                               enum language language)
{
    const struct json_limits limits = {CLIENT_TEXT_MAX, 2, 1000, false};
    struct json_value root;
    struct json_value value;
    struct ps_bytes name;

    if (json_parse(reader, ps_buf_bytes(&client->fields[CLIENT_NAMES]), &limits, &root) == PS_OK &&
        json_type(root) == JSON_OBJECT && json_member(root, languages[language].code3, &value) &&
        json_string(value, &name) == PS_OK && name.len != 0) {
        return name;
    }
    return ps_buf_bytes(&client->fields[CLIENT_NAME]);
}

enum ps_err show_find_client(struct login *login, enum language language, struct ps_buf *ret_name)
{
    CLIENT_AUTO client;

    client_init(&client);
    PS_TRY(login_find_client(login, &client));
    ps_buf_put(ret_name, name_of(&client, login->exchange->service->readers[0], language));
    return ps_buf_status(ret_name);
}

/* Decimal, as this program wrote it. */
static uint64_t number_of(struct ps_bytes text)
{
    uint64_t number = 0;

    for (size_t i = 0; i < text.len && ps_is_digit(text.data[i]); i++) {
        number = 10 * number + (uint64_t)(text.data[i] - '0');
    }
    return number;
}

static uint64_t end_of(const struct login *login)
{
    const struct transaction *transaction = &login->transaction;

    return login->state == STORE_OPEN
               ? number_of(transaction_text(transaction, TRANSACTION_OPEN_END))
               : number_of(transaction_text(transaction, TRANSACTION_AUTH_TIME)) +
                     login->exchange->service->config->oidc.authenticated_s;
}

void show_put_end(struct page *page, struct ps_bytes client, uint64_t end_s)
{
    const uint64_t now_s = ps_clock_real_ns() / PS_NS_PER_S;
    PS_BUF_AUTO minutes = {.max = 24};

    ps_buf_put_decimal(&minutes, end_s > now_s ? (end_s - now_s + 59) / 60 : 0);
    page_open_form(page);
    page_open_button(page, "cancel", "do", "cancel");
    html_text_with(&page->html, text_of(page->language, TEXT_cancel), client);
    html_close(&page->html);
    html_close(&page->html);
    html_open(&page->html, HTML_p);
    html_attribute_str(&page->html, HTML_AT_class_, "time");
    html_text_with(&page->html, text_of(page->language, TEXT_minutes_left), ps_buf_bytes(&minutes));
    html_close(&page->html);
}

static void show_page(struct login *login, const struct shown *shown)
{
    const bool is_open = login->state == STORE_OPEN;
    const enum language language = page_language_of(login);
    struct page page;
    PS_BUF_AUTO client = {.max = SHOW_NAME_MAX};
    const enum ps_err err = show_find_client(login, language, &client);

    if (err == PS_E_NOT_FOUND) {
        show_over(login->exchange);
        return;
    }
    if (err != PS_OK) {
        show_failure(login->exchange, err);
        return;
    }
    page_begin(&page, &(struct page_head){.exchange = login->exchange,
                                          .login = login,
                                          .language = language,
                                          .title = is_open ? TEXT_login_title : TEXT_consent_title,
                                          .has_problem = shown->problem != NULL,
                                          .status = shown->status == 0 ? 200 : shown->status});
    if (shown->problem != NULL) {
        page_put_problem(&page, shown->problem);
    }
    if (is_open) {
        login_page_put(&page, ps_buf_bytes(&client));
    } else {
        consent_page_put(&page, ps_buf_bytes(&client));
    }
    show_put_end(&page, ps_buf_bytes(&client), end_of(login));
    page_end(&page);
}

static void show_given(struct login *login, const char *code)
{
    const struct transaction *transaction = &login->transaction;

    leave_show(login, &(struct leave){.redirect_uri =
                                          transaction_text(transaction, TRANSACTION_REDIRECT_URI),
                                      .state = transaction_text(transaction, TRANSACTION_STATE),
                                      .code = code});
}

static void show_not_given(struct login *login, enum ps_err err)
{
    if (err == PS_E_NOT_FOUND || err == PS_E_STATE) {
        show_over(login->exchange);
    } else {
        show_failure(login->exchange, err);
    }
}

void show_way_back(struct login *login)
{
    static const struct code_teller teller = {.given = show_given, .failed = show_not_given};

    code_make(login, &teller);
}

void show_login(struct login *login, const struct shown *shown)
{
    if (login->state == STORE_AUTHENTICATED && !code_needs_consent(&login->transaction)) {
        show_way_back(login);
    } else {
        show_page(login, shown);
    }
}

static void show_notice(struct exchange *exchange, unsigned status, enum text title,
                        const struct problem *text)
{
    struct page page;

    page_begin(&page, &(struct page_head){.exchange = exchange,
                                          .language = page_language(exchange),
                                          .title = title,
                                          .status = status});
    page_put_with(&page, HTML_p, text->text, text->value);
    page_end(&page);
}

void show_over(struct exchange *exchange)
{
    show_notice(exchange, 400, TEXT_over_title, &(struct problem){.text = TEXT_over_text});
}

void show_request_mistake(struct exchange *exchange, const char *code)
{
    ps_line(PS_INFO, "login_refused", PS_TEXT("request", http_request_id(exchange->request)),
            PS_STR("code", code));
    show_notice(exchange, 400, TEXT_request_title,
                &(struct problem){.text = TEXT_request_text, .value = ps_bytes_str(code)});
}

void show_failure(struct exchange *exchange, enum ps_err err)
{
    const bool helps = err == PS_E_LIMIT || ps_err_info(err)->retry_helps;

    ps_line(PS_ERROR, "request_failed", PS_TEXT("request", http_request_id(exchange->request)),
            PS_STR("why", ps_detail()->text));
    show_notice(exchange, helps ? 503 : 500, TEXT_problem, &(struct problem){.text = TEXT_away});
}
