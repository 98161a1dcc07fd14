#include "frontends/oidc/authenticate.h"

#include "frontends/oidc/challenge.h"
#include "frontends/oidc/consent.h"
#include "frontends/oidc/login.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/line.h"

#include <stdlib.h>

/* A question to the plugin, from the request to its answer. */
struct asking {
    struct question question; /* first: a question is its asking */
    struct login login;
    struct attempt attempt;
    struct ps_buf individual;
    struct ps_buf acrs; /* that the challenges reach */
    char source[LOGIN_SOURCE_MAX];
};

static void asking_free(struct asking *asking)
{
    if (asking != NULL) {
        login_clear(&asking->login);
        ps_buf_wipe(&asking->individual);
        ps_buf_clear(&asking->acrs);
        free(asking);
    }
}
PS_DEFINE_CLEANUP(struct asking, asking_free)

static struct asking *asking_new(struct exchange *exchange, enum question_kind kind,
                                 void (*done)(struct question *,
                                              const struct privyseal_auth_answer *))
{
    struct asking *asking;

    if (exchange->service->authenticator == NULL) {
        login_answer_away(exchange);
        return NULL;
    }
    asking = calloc(1, sizeof *asking);
    if (asking != NULL) {
        login_init(&asking->login, exchange);
        asking->question = (struct question){.kind = kind, .done = done};
        ps_buf_init(&asking->individual, PRIVYSEAL_AUTH_ID_MAX);
        ps_buf_init(&asking->acrs, TRANSACTION_LIST_MAX);
    } else {
        browser_fail(exchange, ps_fail(PS_E_NO_MEMORY, 0, "out of memory"));
    }
    return asking;
}

/* Counts the try, or answers that there are no more: false. */
static bool begin_attempt(struct asking *asking, enum attempt_kind kind, struct ps_bytes individual)
{
    struct exchange *exchange = asking->login.exchange;
    const char *code = NULL;
    enum ps_err err;

    ps_buf_put(&asking->individual, individual);
    asking->attempt = (struct attempt){
        .kind = kind,
        .transaction = ps_bytes_str(asking->login.handle),
        .individual = ps_buf_bytes(&asking->individual),
        .source = login_source(exchange, asking->source),
    };
    err = ps_buf_status(&asking->individual);
    if (err == PS_OK) {
        err = attempts_begin(exchange->service->attempts, &asking->attempt,
                             ps_clock_real_ns() / PS_NS_PER_S, &code);
    }
    if (err == PS_E_DENIED) {
        browser_refuse(exchange, code);
    } else if (err != PS_OK) {
        browser_fail(exchange, err);
    }
    return err == PS_OK;
}

static void forgive(const struct asking *asking)
{
    if (attempts_forgive(asking->login.exchange->service->attempts, &asking->attempt) != PS_OK) {
        ps_line(PS_ERROR, "not_forgiven", PS_STR("why", ps_detail()->text));
    }
}

/* What all calls of the plugin have in common. */
static struct privyseal_auth_request request_of(const struct asking *asking)
{
    const struct service *service = asking->login.exchange->service;
    const struct transaction *transaction = &asking->login.transaction;

    return (struct privyseal_auth_request){
        .relying_party = challenge_text(transaction_text(transaction, TRANSACTION_RELYING_PARTY)),
        .client = challenge_text(transaction_text(transaction, TRANSACTION_CLIENT)),
        .transaction = challenge_text(transaction_text(transaction, TRANSACTION_AUTHENTICATOR_ID)),
        .individual = challenge_text(ps_buf_bytes(&asking->individual)),
        .source = challenge_text(asking->attempt.source),
        .timeout_ms = (uint32_t)service->config->authenticator.timeout_ms,
    };
}

/* Hands it over to the plugin, or answers. */
static void ask(struct asking **asking, const struct privyseal_auth_request *request)
{
    struct exchange *exchange = (*asking)->login.exchange;
    const enum ps_err err =
        authenticator_ask(exchange->service->authenticator, request, &(*asking)->question);

    if (err == PS_OK) {
        *asking = NULL;
    } else {
        forgive(*asking);
        browser_fail(exchange, err);
    }
}

/* What did not come of it; a refusal counts as a try, nothing else does. */
static void answer_failure(struct asking *asking, const struct privyseal_auth_answer *answer)
{
    struct exchange *exchange = asking->login.exchange;
    char code[PRIVYSEAL_AUTH_CODE_MAX + 1] = "";

    ps_line(PS_INFO, "authenticator_answer", PS_TEXT("request", http_request_id(exchange->request)),
            PS_NUM("result", (uint64_t)answer->result),
            PS_TEXT("why", ps_bytes(answer->detail.data, answer->detail.len)));
    if (answer->result == PRIVYSEAL_AUTH_REFUSED) {
        memcpy(code, answer->code.data, answer->code.len);
        browser_refuse(exchange, code);
        return;
    }
    forgive(asking);
    login_answer_away(exchange);
}

static void put_member(struct ps_buf *out, const char *name, struct privyseal_auth_text text)
{
    ps_buf_printf(out, ",\"%s\":", name);
    if (text.len == 0) {
        ps_buf_put_str(out, "null");
    } else {
        ps_buf_put_json_string(out, ps_bytes(text.data, text.len));
    }
}

static void on_otp(struct question *question, const struct privyseal_auth_answer *answer)
{
    PS_CLEANUP(asking_free_cleanup)
    struct asking *asking = (struct asking *)(void *)question;
    PS_BUF_AUTO response = {.max = 4096};

    if (answer->result != PRIVYSEAL_AUTH_OK) {
        answer_failure(asking, answer);
        return;
    }
    ps_buf_printf(&response, "{\"transactionId\":\"%s\"", asking->login.handle);
    put_member(&response, "maskedEmail", answer->masked_email);
    put_member(&response, "maskedMobile", answer->masked_mobile);
    ps_buf_put_str(&response, "}");
    browser_answer(asking->login.exchange, ps_buf_bytes(&response));
}

void authenticate_send_otp(struct exchange *exchange, const struct endpoint *endpoint)
{
    PS_CLEANUP(asking_free_cleanup)
    struct asking *asking = asking_new(exchange, QUESTION_SEND_OTP, on_otp);
    const struct privyseal_auth_description *has;
    struct privyseal_auth_request request;
    struct otp_request otp = {.count = 0};
    struct json_value envelope;
    const char *code = NULL;

    (void)endpoint;
    if (asking == NULL || !login_open_request(&asking->login, STORE_OPEN, &envelope)) {
        return;
    }
    has = authenticator_description(exchange->service->authenticator);
    if (challenge_read_otp(envelope, ps_bytes_str(has->otp_channels), &otp, &code) != PS_OK) {
        browser_refuse(exchange, code);
        return;
    }
    if (!begin_attempt(asking, ATTEMPT_OTP, otp.individual)) {
        return;
    }
    request = request_of(asking);
    request.channels = (struct privyseal_auth_list){otp.channels, otp.count};
    ask(&asking, &request);
}

/* Keeps who the person is; of two logins of one transaction the second finds none. */
static enum ps_err keep(struct asking *asking, const struct privyseal_auth_answer *answer)
{
    const struct service *service = asking->login.exchange->service;
    struct transaction *transaction = &asking->login.transaction;
    const uint64_t now_s = ps_clock_real_ns() / PS_NS_PER_S;
    const struct store_key key = {STORE_TRANSACTION, ps_bytes_str(asking->login.handle)};
    const struct store_move move = {STORE_OPEN, STORE_AUTHENTICATED, now_s,
                                    now_s + service->config->oidc.authenticated_s};
    PS_BUF_AUTO record = {.max = STORE_RECORD_MAX};

    PS_TRY(transaction_set(transaction, TRANSACTION_INDIVIDUAL, ps_buf_bytes(&asking->individual)));
    PS_TRY(transaction_set(transaction, TRANSACTION_KYC_TOKEN,
                           ps_bytes(answer->kyc_token.data, answer->kyc_token.len)));
    PS_TRY(transaction_set(transaction, TRANSACTION_SUBJECT,
                           ps_bytes(answer->subject.data, answer->subject.len)));
    PS_TRY(transaction_set(transaction, TRANSACTION_ACRS, ps_buf_bytes(&asking->acrs)));
    ps_buf_reset(&transaction->of[TRANSACTION_AUTH_TIME]);
    ps_buf_put_decimal(&transaction->of[TRANSACTION_AUTH_TIME], now_s);
    PS_TRY(consent_judge(service->db, transaction, now_s));
    PS_TRY(transaction_write(transaction, &record));
    return store_move(service->store, &key, &move, ps_buf_bytes(&record));
}

static void on_authenticated(struct question *question, const struct privyseal_auth_answer *answer)
{
    PS_CLEANUP(asking_free_cleanup)
    struct asking *asking = (struct asking *)(void *)question;
    struct exchange *exchange = asking->login.exchange;
    PS_BUF_AUTO response = {.max = 1024};
    enum ps_err err;

    if (answer->result != PRIVYSEAL_AUTH_OK) {
        answer_failure(asking, answer);
        return;
    }
    forgive(asking);
    err = keep(asking, answer);
    if (err == PS_E_STATE) {
        browser_refuse(exchange, "invalid_transaction");
        return;
    }
    if (err != PS_OK) {
        browser_fail(exchange, err);
        return;
    }
    ps_buf_printf(
        &response, "{\"transactionId\":\"%s\",\"consentAction\":\"%.*s\"}", asking->login.handle,
        PS_BYTES_FMT(transaction_text(&asking->login.transaction, TRANSACTION_CONSENT_ACTION)));
    browser_answer(exchange, ps_buf_bytes(&response));
}

void authenticate_person(struct exchange *exchange, const struct endpoint *endpoint)
{
    PS_CLEANUP(asking_free_cleanup)
    struct asking *asking = asking_new(exchange, QUESTION_AUTHENTICATE, on_authenticated);
    struct privyseal_auth_request request;
    struct challenges challenges = {.count = 0};
    struct json_value envelope;
    const char *code = NULL;

    (void)endpoint;
    if (asking == NULL || !login_open_request(&asking->login, STORE_OPEN, &envelope)) {
        return;
    }
    if (challenge_read(envelope, &challenges, &code) != PS_OK) {
        browser_refuse(exchange, code);
        return;
    }
    acr_put_reached(exchange->service->acrs,
                    transaction_text(&asking->login.transaction, TRANSACTION_ACRS),
                    challenges.types, &asking->acrs);
    if (asking->acrs.len == 0) {
        browser_refuse(exchange, "auth_factor_mismatch");
        return;
    }
    if (!begin_attempt(asking, ATTEMPT_LOGIN, challenges.individual)) {
        return;
    }
    request = request_of(asking);
    request.challenges = challenges.of;
    request.challenge_count = challenges.count;
    ask(&asking, &request);
}
