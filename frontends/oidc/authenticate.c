#include "frontends/oidc/authenticate.h"

#include "frontends/oidc/identify.h"
#include "lib/base/encode.h"

/* Without a plugin nobody can be asked, whatever the request says. */
static bool is_there(struct exchange *exchange)
{
    if (exchange->service->authenticator == NULL) {
        login_answer_away(exchange);
        return false;
    }
    return true;
}

static void put_member(struct ps_buf *out, const char *name, struct ps_bytes text)
{
    ps_buf_printf(out, ",\"%s\":", name);
    if (text.len == 0) {
        ps_buf_put_str(out, "null");
    } else {
        ps_buf_put_json_string(out, text);
    }
}

static void answer_sent(struct login *login, const struct identify_sent *sent)
{
    PS_BUF_AUTO response = PS_BUF_SECRET(4096);

    ps_buf_printf(&response, "{\"transactionId\":\"%s\"", login->handle);
    put_member(&response, "maskedEmail", sent->email);
    put_member(&response, "maskedMobile", sent->mobile);
    ps_buf_put_str(&response, "}");
    browser_answer(login->exchange, ps_buf_bytes(&response));
}

static void answer_identified(struct login *login)
{
    PS_BUF_AUTO response = PS_BUF_SECRET(1024);

    ps_buf_printf(&response, "{\"transactionId\":\"%s\",\"consentAction\":\"%.*s\"}", login->handle,
                  PS_BYTES_FMT(transaction_text(&login->transaction, TRANSACTION_CONSENT_ACTION)));
    browser_answer(login->exchange, ps_buf_bytes(&response));
}

static void answer_refused(struct login *login, const char *code)
{
    browser_refuse(login->exchange, code);
}

static void answer_away(struct login *login)
{
    login_answer_away(login->exchange);
}

static void answer_failed(struct login *login, enum ps_err err)
{
    browser_fail(login->exchange, err);
}

static const struct identify_teller teller = {
    .sent = answer_sent,
    .identified = answer_identified,
    .refused = answer_refused,
    .away = answer_away,
    .failed = answer_failed,
};

void authenticate_send_otp(struct exchange *exchange, const struct endpoint *endpoint)
{
    const struct privyseal_auth_description *has;
    struct otp_request otp = {.count = 0};
    struct json_value envelope;
    const char *code = NULL;
    LOGIN_AUTO login;

    (void)endpoint;
    login_init(&login, exchange);
    if (!is_there(exchange) || !login_open_request(&login, STORE_OPEN, &envelope)) {
        return;
    }
    has = authenticator_description(exchange->service->authenticator);
    if (challenge_read_otp(envelope, ps_bytes_str(has->otp_channels), &otp, &code) == PS_OK) {
        identify_send_otp(&login, &otp, &teller);
    } else {
        browser_refuse(exchange, code);
    }
}

void authenticate_person(struct exchange *exchange, const struct endpoint *endpoint)
{
    struct challenges challenges = {.count = 0};
    struct json_value envelope;
    const char *code = NULL;
    LOGIN_AUTO login;

    (void)endpoint;
    login_init(&login, exchange);
    if (!is_there(exchange) || !login_open_request(&login, STORE_OPEN, &envelope)) {
        return;
    }
    if (challenge_read(envelope, &challenges, &code) == PS_OK) {
        identify_person(&login, &challenges, &teller);
    } else {
        browser_refuse(exchange, code);
    }
}
