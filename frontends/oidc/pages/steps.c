#include "frontends/oidc/code.h"
#include "frontends/oidc/identify.h"
#include "frontends/oidc/pages/leave.h"
#include "frontends/oidc/pages/pages.h"
#include "frontends/oidc/pages/show.h"
#include "frontends/oidc/pages/typed.h"
#include "frontends/oidc/pages/ways.h"
#include "lib/base/line.h"

/* What a refusal is to the person; of what is not here, its code. */
static const struct {
    const char *code;
    enum text text;
} refusals[] = {
    {"invalid_identifier", TEXT_refused_individual},
    {"invalid_challenge", TEXT_refused_challenge},
    {"invalid_challenge_format", TEXT_refused_challenge},
    {"auth_failed", TEXT_refused_person},
    {"send_otp_failed", TEXT_refused_otp},
    {"no_attempts_left", TEXT_refused_tries},
    {"individual_id_blocked", TEXT_refused_blocked},
    {"invalid_accepted_claim", TEXT_refused_consent},
    {"invalid_permitted_scope", TEXT_refused_consent},
};

static void show(struct login *login)
{
    show_login(login, &(struct shown){.status = 0});
}

/*
 * Who presses twice sends a form twice, and sees the answer to the second one alone: when the first
 * one has let them in, that is what they are shown.
 */
static bool show_next(const struct login *login)
{
    LOGIN_AUTO next;

    login_init(&next, login->exchange);
    if (login_find(&next, ps_bytes(login->handle, STORE_HANDLE_LEN), STORE_AUTHENTICATED) !=
        PS_OK) {
        return false;
    }
    show(&next);
    return true;
}

static void show_refusal(struct login *login, const char *code)
{
    struct problem problem = {.text = TEXT_refused_other, .value = ps_bytes_str(code)};

    for (size_t i = 0; i < PS_COUNT_OF(refusals); i++) {
        if (strcmp(code, refusals[i].code) == 0) {
            problem.text = refusals[i].text;
        }
    }
    ps_line(PS_INFO, "login_refused", PS_TEXT("request", http_request_id(login->exchange->request)),
            PS_STR("code", code));
    if (login->state == STORE_OPEN && show_next(login)) {
        return;
    }
    if (strcmp(code, "invalid_transaction") == 0) {
        show_over(login->exchange);
    } else {
        show_login(login, &(struct shown){.problem = &problem});
    }
}

static void show_away(struct login *login)
{
    const struct problem problem = {.text = TEXT_away};

    show_login(login, &(struct shown){.status = 503, .problem = &problem});
}

/* A mistake in what was typed, or something of ours. */
static void show_mistake(struct login *login, enum ps_err err, const char *code)
{
    if (err == PS_E_INPUT && code != NULL) {
        show_refusal(login, code);
    } else {
        show_failure(login->exchange, err);
    }
}

static void save_and_show(struct login *login)
{
    const enum ps_err err = login_save(login);

    if (err == PS_OK) {
        show(login);
    } else if (err == PS_E_STATE || err == PS_E_NOT_FOUND) {
        show_over(login->exchange);
    } else {
        show_failure(login->exchange, err);
    }
}

static void on_failed(struct login *login, enum ps_err err)
{
    show_failure(login->exchange, err);
}

static void on_sent(struct login *login, const struct identify_sent *sent)
{
    struct ps_buf *sent_to = &login->transaction.of[TRANSACTION_SENT_TO];

    ps_buf_reset(sent_to);
    ps_buf_put(sent_to, sent->email);
    if (sent->email.len != 0 && sent->mobile.len != 0) {
        ps_buf_put_str(sent_to, ", ");
    }
    ps_buf_put(sent_to, sent->mobile);
    if (sent_to->len == 0) {
        ps_buf_put_str(sent_to, WAYS_SENT_SOMEWHERE);
    }
    save_and_show(login);
}

static void on_identified(struct login *login)
{
    login->state = STORE_AUTHENTICATED;
    show(login);
}

static const struct identify_teller teller = {
    .sent = on_sent,
    .identified = on_identified,
    .refused = show_refusal,
    .away = show_away,
    .failed = on_failed,
};

/* To whom TRANSACTION_TYPED names. */
static void send_otp(struct login *login)
{
    const struct ps_bytes individual = transaction_text(&login->transaction, TRANSACTION_TYPED);
    const struct authenticator *authenticator = login->exchange->service->authenticator;
    struct otp_request otp = {.count = 0};
    const char *code = NULL;
    enum ps_err err;

    if (authenticator == NULL) {
        show_away(login);
        return;
    }
    err = challenge_ask_otp(individual,
                            ps_bytes_str(authenticator_description(authenticator)->otp_channels),
                            &otp, &code);
    if (err == PS_OK) {
        identify_send_otp(login, &otp, &teller);
    } else {
        show_mistake(login, err, code);
    }
}

/* For the next page, if they have to type again; what cannot be anybody's number is not kept. */
static void keep_typed(struct login *login, struct ps_bytes individual)
{
    struct ps_buf *typed = &login->transaction.of[TRANSACTION_TYPED];

    ps_buf_reset(typed);
    if (individual.len <= TYPED_MAX) {
        ps_buf_put(typed, individual);
    }
}

static void step_otp(struct login *login, const struct form *form)
{
    struct ps_bytes individual = ps_bytes(NULL, 0);
    PS_BUF_AUTO memory = PS_BUF_SECRET(TYPED_MAX);

    (void)form_get(form, "individual", &individual);
    ps_buf_reset(&login->transaction.of[TRANSACTION_SENT_TO]);
    keep_typed(login, typed_read(individual, &memory));
    send_otp(login);
}

static void step_again(struct login *login, const struct form *form)
{
    (void)form;
    send_otp(login);
}

static void step_forget(struct login *login, const struct form *form)
{
    (void)form;
    ps_buf_reset(&login->transaction.of[TRANSACTION_TYPED]);
    ps_buf_reset(&login->transaction.of[TRANSACTION_SENT_TO]);
    save_and_show(login);
}

static void step_answer(struct login *login, const struct form *form)
{
    struct challenges challenges = {.count = 0};
    const char *code = NULL;
    struct ps_bytes way;
    PS_BUF_AUTO ways = {.max = WAYS_TEXT_MAX};
    PS_BUF_AUTO memory = PS_BUF_SECRET(WAYS_MEMORY_MAX);
    enum ps_err err;

    ways_put(login, &ways);
    way = ways_chosen(login, ps_buf_bytes(&ways));
    if (way.len == 0 || ways_need_otp(login, way)) {
        show(login);
        return;
    }
    err = ways_read(login, form, way, &memory, &challenges, &code);
    if (!words_have(way, ps_bytes_str("OTP"))) {
        keep_typed(login, challenges.individual);
    }
    if (err == PS_OK) {
        identify_person(login, &challenges, &teller);
    } else {
        show_mistake(login, err, code);
    }
}

/* Those of the words whose box is marked. */
static void put_marked(const struct form *form, const char *prefix, struct ps_bytes words,
                       struct ps_buf *out)
{
    struct ps_bytes word;

    while (words_next(&words, &word)) {
        struct ps_bytes value;
        PS_BUF_AUTO name = {.max = TRANSACTION_LIST_MAX};

        ps_buf_put_str(&name, prefix);
        ps_buf_put(&name, word);
        ps_buf_put_u8(&name, '\0');
        if (ps_buf_status(&name) == PS_OK && form_get(form, (const char *)name.data, &value)) {
            words_add(out, word);
        }
    }
}

static void step_agree(struct login *login, const struct form *form)
{
    struct transaction *transaction = &login->transaction;
    const char *mistake;
    PS_BUF_AUTO accepted = {.max = 2 * TRANSACTION_LIST_MAX};
    PS_BUF_AUTO permitted = {.max = TRANSACTION_LIST_MAX};

    ps_buf_put(&accepted, transaction_text(transaction, TRANSACTION_ESSENTIAL));
    put_marked(form, "claim.", transaction_text(transaction, TRANSACTION_VOLUNTARY), &accepted);
    put_marked(form, "scope.", transaction_text(transaction, TRANSACTION_AUTHORIZE_SCOPES),
               &permitted);
    mistake = code_take_consent(transaction, ps_buf_bytes(&accepted), ps_buf_bytes(&permitted));
    if (mistake == NULL) {
        show_way_back(login);
    } else {
        show_refusal(login, mistake);
    }
}

/* RFC 6749 section 4.1.2.1. The login is gone before that is told. */
static void step_cancel(struct login *login, const struct form *form)
{
    const struct store_key key = {STORE_TRANSACTION, ps_bytes_str(login->handle)};
    const enum ps_err err = store_drop(login->exchange->service->store, &key);

    (void)form;
    if (err != PS_OK) {
        show_failure(login->exchange, err);
        return;
    }
    leave_show(login,
               &(struct leave){.redirect_uri =
                                   transaction_text(&login->transaction, TRANSACTION_REDIRECT_URI),
                               .state = transaction_text(&login->transaction, TRANSACTION_STATE),
                               .error = {"access_denied", NULL}});
}

static void step_language(struct login *login, struct ps_bytes asked)
{
    enum language language;

    if (language_find(asked, &language) &&
        transaction_set(&login->transaction, TRANSACTION_LANGUAGE,
                        ps_bytes_str(languages[language].code)) == PS_OK) {
        save_and_show(login);
    } else {
        show(login);
    }
}

static void step_way(struct login *login, struct ps_bytes asked)
{
    if (transaction_set(&login->transaction, TRANSACTION_WAY, asked) == PS_OK) {
        save_and_show(login);
    } else {
        show(login);
    }
}

/* What a login is asked to do, and where it has to stand for that. */
static const struct step {
    const char *name;
    enum store_state state; /* 0: any */
    void (*take)(struct login *login, const struct form *form);
} steps[] = {
    {"otp", STORE_OPEN, step_otp},       {"again", STORE_OPEN, step_again},
    {"forget", STORE_OPEN, step_forget}, {"answer", STORE_OPEN, step_answer},
    {"cancel", 0, step_cancel},          {"agree", STORE_AUTHENTICATED, step_agree},
};

/* What does not fit where the login stands (a button of an older page) changes nothing. */
static void take_step(struct login *login, const struct form *form)
{
    struct ps_bytes asked = ps_bytes(NULL, 0);

    if (form_get(form, "language", &asked)) {
        step_language(login, asked);
        return;
    }
    if (form_get(form, "way", &asked) && login->state == STORE_OPEN) {
        step_way(login, asked);
        return;
    }
    (void)form_get(form, "do", &asked);
    for (size_t i = 0; i < PS_COUNT_OF(steps); i++) {
        if (ps_bytes_equal_str(asked, steps[i].name) &&
            (steps[i].state == 0 || steps[i].state == login->state)) {
            steps[i].take(login, form);
            return;
        }
    }
    show(login);
}

/* In whatever state it is; of another browser's, and of a form that is not ours, no more is told.
 */
static enum ps_err open_login(struct login *login, const struct form *form)
{
    const struct visitor *visitor = visitor_of(login->exchange);
    struct ps_bytes handle = ps_bytes(NULL, 0);
    struct ps_bytes token = ps_bytes(NULL, 0);
    enum ps_err err;

    (void)form_get(form, "login", &handle);
    (void)form_get(form, "token", &token);
    err = login_find(login, handle, STORE_OPEN);
    if (err == PS_E_NOT_FOUND) {
        err = login_find(login, handle, STORE_AUTHENTICATED);
    }
    PS_TRY(err);
    return visitor_owns(visitor, &login->transaction) &&
                   visitor_has_sent(visitor, login->handle, token)
               ? PS_OK
               : ps_fail(PS_E_NOT_FOUND, 0, "not a form of this browser's login");
}

static enum ps_err open_form(const struct exchange *exchange, struct ps_buf *memory,
                             struct form *ret_form)
{
    if (!oauth_is_form(exchange->request)) {
        return ps_fail(PS_E_INPUT, 0, "the body is no form");
    }
    return form_parse(http_request_body(exchange->request), memory, ret_form);
}

void pages_step(struct exchange *exchange, const struct endpoint *endpoint)
{
    PS_BUF_AUTO memory = PS_BUF_SECRET(FORM_MAX + 1);
    struct form form = {.count = 0};
    LOGIN_AUTO login;
    enum ps_err err;

    (void)endpoint;
    login_init(&login, exchange);
    err = open_form(exchange, &memory, &form);
    if (err == PS_OK) {
        err = open_login(&login, &form);
    }
    if (err == PS_OK) {
        take_step(&login, &form);
    } else if (err == PS_E_NOT_FOUND || err == PS_E_INPUT || err == PS_E_LIMIT) {
        show_over(exchange);
    } else {
        show_failure(exchange, err);
    }
}

void pages_come_back(struct exchange *exchange, const struct endpoint *endpoint)
{
    (void)endpoint;
    show_over(exchange);
}
