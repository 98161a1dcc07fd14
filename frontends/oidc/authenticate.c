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

/* Answers what did not come of it: false. */
static bool has_come(struct exchange *exchange, const struct identify_outcome *outcome)
{
    switch (outcome->result) {
    case IDENTIFY_OK:
        return true;
    case IDENTIFY_REFUSED:
        browser_refuse(exchange, outcome->code);
        break;
    case IDENTIFY_AWAY:
        login_answer_away(exchange);
        break;
    case IDENTIFY_FAILED:
        browser_fail(exchange, outcome->err);
        break;
    }
    return false;
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

static void answer_otp(struct login *login, const struct identify_outcome *outcome)
{
    PS_BUF_AUTO response = {.max = 4096};

    if (!has_come(login->exchange, outcome)) {
        return;
    }
    ps_buf_printf(&response, "{\"transactionId\":\"%s\"", login->handle);
    put_member(&response, "maskedEmail", outcome->masked_email);
    put_member(&response, "maskedMobile", outcome->masked_mobile);
    ps_buf_put_str(&response, "}");
    browser_answer(login->exchange, ps_buf_bytes(&response));
}

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
        identify_send_otp(&login, &otp, answer_otp);
    } else {
        browser_refuse(exchange, code);
    }
}

static void answer_person(struct login *login, const struct identify_outcome *outcome)
{
    PS_BUF_AUTO response = {.max = 1024};

    if (!has_come(login->exchange, outcome)) {
        return;
    }
    ps_buf_printf(&response, "{\"transactionId\":\"%s\",\"consentAction\":\"%.*s\"}", login->handle,
                  PS_BYTES_FMT(transaction_text(&login->transaction, TRANSACTION_CONSENT_ACTION)));
    browser_answer(login->exchange, ps_buf_bytes(&response));
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
        identify_person(&login, &challenges, answer_person);
    } else {
        browser_refuse(exchange, code);
    }
}
