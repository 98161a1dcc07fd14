#include "frontends/oidc/identify.h"

#include "frontends/oidc/consent.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/line.h"

#include <stdlib.h>

/* A question to the plugin, from the request to its answer. */
struct asking {
    struct question question; /* first: a question is its asking */
    struct login login;
    const struct identify_teller *teller;
    struct attempt attempt;
    struct ps_buf individual;
    struct ps_buf acrs; /* that the challenges reach */
    char source[LOGIN_SOURCE_MAX];
};

static void asking_free(struct asking *asking)
{
    if (asking != NULL) {
        login_clear(&asking->login);
        ps_buf_clear(&asking->individual);
        ps_buf_clear(&asking->acrs);
        free(asking);
    }
}
PS_DEFINE_CLEANUP(struct asking, asking_free)

/* Takes the login over, or tells why not: NULL. */
static struct asking *
asking_new(struct login *login, enum question_kind kind, const struct identify_teller *teller,
           void (*answered)(struct question *, const struct privyseal_auth_answer *))
{
    struct exchange *exchange = login->exchange;
    struct asking *asking;

    if (exchange->service->authenticator == NULL) {
        teller->away(login);
        return NULL;
    }
    asking = calloc(1, sizeof *asking);
    if (asking == NULL) {
        teller->failed(login, ps_fail(PS_E_NO_MEMORY, 0, "out of memory"));
        return NULL;
    }
    asking->login = *login;
    login_init(login, exchange);
    asking->teller = teller;
    asking->question.kind = kind;
    asking->question.done = answered;
    asking->individual = PS_BUF_SECRET(PRIVYSEAL_AUTH_ID_MAX);
    ps_buf_init(&asking->acrs, TRANSACTION_LIST_MAX);
    return asking;
}

/* Counts the try, or tells that there are no more: false. */
static bool begin_attempt(struct asking *asking, enum attempt_kind kind, struct ps_bytes individual)
{
    struct login *login = &asking->login;
    const char *code = NULL;
    enum ps_err err;

    ps_buf_put(&asking->individual, individual);
    asking->attempt = (struct attempt){
        .kind = kind,
        .transaction = ps_bytes_str(login->handle),
        .individual = ps_buf_bytes(&asking->individual),
        .source = login_source(login->exchange, asking->source),
        .has_address = login_has_address(login->exchange),
    };
    err = ps_buf_status(&asking->individual);
    if (err == PS_OK) {
        err = attempts_begin(login->exchange->service->attempts, &asking->attempt,
                             ps_clock_real_ns() / PS_NS_PER_S, &code);
    }
    if (err == PS_E_DENIED) {
        asking->teller->refused(login, code);
    } else if (err != PS_OK) {
        asking->teller->failed(login, err);
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

/* Hands it over to the plugin, or tells why not. */
static void ask(struct asking **asking, const struct privyseal_auth_request *request)
{
    const struct service *service = (*asking)->login.exchange->service;
    const enum ps_err err =
        authenticator_ask(service->authenticator, request, &(*asking)->question);

    if (err == PS_OK) {
        *asking = NULL;
    } else {
        forgive(*asking);
        (*asking)->teller->failed(&(*asking)->login, err);
    }
}

/* What did not come of it; a refusal counts as a try, nothing else does. */
static void tell_failure(struct asking *asking, const struct privyseal_auth_answer *answer)
{
    const struct exchange *exchange = asking->login.exchange;
    char code[PRIVYSEAL_AUTH_CODE_MAX + 1] = "";

    ps_line(PS_INFO, "authenticator_answer", PS_TEXT("request", http_request_id(exchange->request)),
            PS_NUM("result", (uint64_t)answer->result),
            PS_TEXT("why", ps_bytes(answer->detail.data, answer->detail.len)));
    if (answer->result == PRIVYSEAL_AUTH_REFUSED) {
        memcpy(code, answer->code.data, answer->code.len);
        asking->teller->refused(&asking->login, code);
        return;
    }
    forgive(asking);
    asking->teller->away(&asking->login);
}

static void on_otp(struct question *question, const struct privyseal_auth_answer *answer)
{
    PS_CLEANUP(asking_free_cleanup)
    struct asking *asking = (struct asking *)(void *)question;
    const struct identify_sent sent = {
        .email = ps_bytes(answer->masked_email.data, answer->masked_email.len),
        .mobile = ps_bytes(answer->masked_mobile.data, answer->masked_mobile.len),
    };

    if (answer->result == PRIVYSEAL_AUTH_OK) {
        asking->teller->sent(&asking->login, &sent);
    } else {
        tell_failure(asking, answer);
    }
}

void identify_send_otp(struct login *login, const struct otp_request *otp,
                       const struct identify_teller *teller)
{
    PS_CLEANUP(asking_free_cleanup)
    struct asking *asking = asking_new(login, QUESTION_SEND_OTP, teller, on_otp);
    struct privyseal_auth_request request;

    if (asking == NULL || !begin_attempt(asking, ATTEMPT_OTP, otp->individual)) {
        return;
    }
    request = request_of(asking);
    request.channels = (struct privyseal_auth_list){otp->channels, otp->count};
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
    PS_BUF_AUTO record = PS_BUF_SECRET(STORE_RECORD_MAX);

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

static void on_person(struct question *question, const struct privyseal_auth_answer *answer)
{
    PS_CLEANUP(asking_free_cleanup)
    struct asking *asking = (struct asking *)(void *)question;
    enum ps_err err;

    if (answer->result != PRIVYSEAL_AUTH_OK) {
        tell_failure(asking, answer);
        return;
    }
    forgive(asking);
    err = keep(asking, answer);
    if (err == PS_E_STATE) {
        asking->teller->refused(&asking->login, "invalid_transaction");
    } else if (err != PS_OK) {
        asking->teller->failed(&asking->login, err);
    } else {
        asking->teller->identified(&asking->login);
    }
}

void identify_person(struct login *login, const struct challenges *challenges,
                     const struct identify_teller *teller)
{
    PS_CLEANUP(asking_free_cleanup)
    struct asking *asking = asking_new(login, QUESTION_AUTHENTICATE, teller, on_person);
    struct privyseal_auth_request request;

    if (asking == NULL) {
        return;
    }
    acr_put_reached(asking->login.exchange->service->acrs,
                    transaction_text(&asking->login.transaction, TRANSACTION_ACRS),
                    challenges->types, &asking->acrs);
    if (asking->acrs.len == 0) {
        teller->refused(&asking->login, "auth_factor_mismatch");
        return;
    }
    if (!begin_attempt(asking, ATTEMPT_LOGIN, challenges->individual)) {
        return;
    }
    request = request_of(asking);
    request.challenges = challenges->of;
    request.challenge_count = challenges->count;
    ask(&asking, &request);
}
