#include "frontends/oidc/assertion.h"
#include "frontends/oidc/begin.h"
#include "frontends/oidc/pages/leave.h"
#include "frontends/oidc/pages/pages.h"
#include "frontends/oidc/pages/show.h"

/* An authorization request on its way to a login. */
struct entering {
    struct exchange *exchange;
    struct form form;
    struct authorize request;
    struct client client;
    struct transaction transaction;
};

static void clear(struct entering *entering)
{
    client_clear(&entering->client);
    transaction_clear(&entering->transaction);
}

/* Where it can be told, which is after the redirect URI was found to be the client's. */
static void refuse(const struct entering *entering, const char *code)
{
    const struct ps_bytes place =
        transaction_text(&entering->transaction, TRANSACTION_REDIRECT_URI);

    if (place.len == 0) {
        show_request_mistake(entering->exchange, code);
        return;
    }
    leave_redirect(entering->exchange,
                   &(struct leave){.redirect_uri = place,
                                   .state = entering->request.of[AUTHORIZE_STATE],
                                   .error = leave_error_of(code)});
}

static void fail(const struct entering *entering, enum ps_err err)
{
    const struct ps_bytes place =
        transaction_text(&entering->transaction, TRANSACTION_REDIRECT_URI);
    const bool helps = err == PS_E_LIMIT || ps_err_info(err)->retry_helps;

    if (place.len == 0) {
        show_failure(entering->exchange, err);
        return;
    }
    leave_redirect(
        entering->exchange,
        &(struct leave){.redirect_uri = place,
                        .state = transaction_text(&entering->transaction, TRANSACTION_STATE),
                        .error = {helps ? "temporarily_unavailable" : "server_error", NULL}});
}

/* A state that is none is not sent back. */
static const char *read_request(struct entering *entering)
{
    struct client_mistakes mistakes = {.count = 0};
    const char *code = authorize_find_unwanted(&entering->form);

    if (authorize_read_form(&entering->form, &entering->request, &mistakes) == PS_OK) {
        return code;
    }
    for (size_t i = 0; i < mistakes.count; i++) {
        if (strcmp(mistakes.of[i].member, "state") == 0) {
            entering->request.of[AUTHORIZE_STATE] = ps_bytes(NULL, 0);
        }
    }
    return code != NULL ? code : mistakes.of[0].code;
}

/* PS_E_DENIED and PS_E_NOT_FOUND with a code. */
static enum ps_err judge(struct entering *entering, const char **ret_code)
{
    struct service *service = entering->exchange->service;
    const struct authorize_terms terms = service_terms(service, &entering->client, false);
    struct ps_bytes client = ps_bytes(NULL, 0);
    struct ps_bytes uri;
    const char *mistake;

    *ret_code = "invalid_client_id";
    (void)form_get(&entering->form, "client_id", &client);
    PS_TRY(assertion_get_client(service->db, client, &entering->client));
    if (form_get(&entering->form, "request_uri", &uri)) {
        *ret_code = "invalid_request_uri";
        return begin_take_pushed(service, client, uri, &entering->transaction);
    }
    mistake = read_request(entering);
    PS_TRY(authorize_judge_place(&entering->request, &terms, &entering->transaction, ret_code));
    if (mistake != NULL) {
        *ret_code = mistake;
        return ps_fail(PS_E_DENIED, 0, "%s", mistake);
    }
    return authorize_judge(&entering->request, &terms, &entering->transaction, ret_code);
}

static enum ps_err keep(struct entering *entering, struct login *login)
{
    struct exchange *exchange = entering->exchange;
    struct transaction *transaction = &entering->transaction;
    const enum language language =
        language_pick(transaction_text(transaction, TRANSACTION_LANGUAGE),
                      http_request_header(exchange->request, HTTP_ACCEPT_LANGUAGE));

    store_make_handle(login->handle);
    login->state = STORE_OPEN;
    PS_TRY(
        transaction_set(transaction, TRANSACTION_LANGUAGE, ps_bytes_str(languages[language].code)));
    visitor_put_mark(visitor_of(exchange), &transaction->of[TRANSACTION_BROWSER]);
    return begin_keep(exchange, transaction, login->handle);
}

static void begin(struct entering *entering)
{
    LOGIN_AUTO login;
    enum ps_err err;

    login_init(&login, entering->exchange);
    err = keep(entering, &login);
    if (err != PS_OK) {
        fail(entering, err);
        return;
    }
    login.transaction = entering->transaction;
    transaction_init(&entering->transaction);
    show_login(&login, &(struct shown){.status = 0});
}

static void enter(struct entering *entering)
{
    const char *code = "invalid_request";
    const enum ps_err err = judge(entering, &code);

    if (err == PS_OK) {
        begin(entering);
    } else if (err == PS_E_DENIED || err == PS_E_NOT_FOUND) {
        refuse(entering, code);
    } else {
        fail(entering, err);
    }
}

static void read_and_enter(struct exchange *exchange)
{
    const struct ps_bytes query = http_request_target(exchange->request)->query;
    PS_BUF_AUTO memory = {.max = FORM_MAX + 1};
    PS_CLEANUP(clear) struct entering entering = {.exchange = exchange};
    enum ps_err err;

    client_init(&entering.client);
    transaction_init(&entering.transaction);
    err = form_parse(query, &memory, &entering.form);
    if (err == PS_OK) {
        enter(&entering);
    } else if (err == PS_E_INPUT || err == PS_E_LIMIT) {
        show_request_mistake(exchange, "invalid_request");
    } else {
        show_failure(exchange, err);
    }
}

/* Nobody is asked to log in when nobody could sign what comes of it. */
static void on_asked(void *context, bool is_here)
{
    struct exchange *exchange = context;

    if (is_here) {
        read_and_enter(exchange);
    } else {
        show_failure(exchange, ps_fail(PS_E_BUSY, 0, "the appliance is away"));
    }
}

void pages_enter(struct exchange *exchange, const struct endpoint *endpoint)
{
    (void)endpoint;
    jwks_ask(exchange->service->jwks, &exchange->wait, on_asked, exchange);
}

/* What may stand in a header; the rest is looked at when it comes back. */
static bool is_line(struct ps_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] <= 0x20 || text.data[i] >= 0x7f || text.data[i] == '#') {
            return false;
        }
    }
    return text.len != 0;
}

/*
 * A form that another site sent comes without the browser's cookie, the GET that it is led to with
 * it: so that logins in its other windows go on.
 */
void pages_enter_posted(struct exchange *exchange, const struct endpoint *endpoint)
{
    const struct ps_bytes body = http_request_body(exchange->request);
    PS_BUF_AUTO address = {.max = HTTP_LOCATION_MAX};

    ps_buf_printf(&address, "%s?", endpoint->path);
    ps_buf_put(&address, body);
    if (!oauth_is_form(exchange->request) || !is_line(body) || ps_buf_status(&address) != PS_OK) {
        show_request_mistake(exchange, "invalid_request");
        return;
    }
    http_answer(exchange->request,
                &(struct http_answer){.status = 303, .location = ps_buf_bytes(&address)});
}
