#include "frontends/oidc/code.h"

#include "frontends/oidc/clients.h"
#include "frontends/oidc/consent.h"
#include "frontends/oidc/login.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/line.h"

#include <stdlib.h>

/* Every word of `list` is in `in`. */
static bool are_in(struct ps_bytes list, struct ps_bytes in)
{
    struct ps_bytes word;

    while (words_next(&list, &word)) {
        if (!words_have(in, word)) {
            return false;
        }
    }
    return true;
}

/* An array of texts as words, each once; absent and null: none. */
static bool read_list(struct json_value request, const char *name, struct ps_buf *words)
{
    struct json_value list;
    struct json_value item;
    struct ps_bytes word;
    uint32_t cursor = 0;

    if (!json_member(request, name, &list) || json_type(list) == JSON_NULL) {
        return true;
    }
    if (json_type(list) != JSON_ARRAY) {
        return false;
    }
    while (json_next(list, &cursor, NULL, &item)) {
        if (json_string(item, &word) != PS_OK || word.len == 0 ||
            memchr(word.data, ' ', word.len) != NULL) {
            return false;
        }
        if (!words_have(ps_buf_bytes(words), word)) {
            words_add(words, word);
        }
    }
    return ps_buf_status(words) == PS_OK;
}

const char *code_take_consent(struct transaction *transaction, struct ps_bytes accepted,
                              struct ps_bytes permitted)
{
    const struct ps_bytes essential = transaction_text(transaction, TRANSACTION_ESSENTIAL);
    PS_BUF_AUTO asked = {.max = 2 * TRANSACTION_LIST_MAX + 1};

    words_add(&asked, essential);
    words_add(&asked, transaction_text(transaction, TRANSACTION_VOLUNTARY));
    if (ps_buf_status(&asked) != PS_OK || !are_in(accepted, ps_buf_bytes(&asked)) ||
        !are_in(essential, accepted) ||
        transaction_set(transaction, TRANSACTION_ACCEPTED, accepted) != PS_OK) {
        return "invalid_accepted_claim";
    }
    if (!are_in(permitted, transaction_text(transaction, TRANSACTION_AUTHORIZE_SCOPES)) ||
        transaction_set(transaction, TRANSACTION_PERMITTED, permitted) != PS_OK) {
        return "invalid_permitted_scope";
    }
    return NULL;
}

static const char *read_consent(struct json_value request, struct transaction *transaction)
{
    PS_BUF_AUTO accepted = {.max = TRANSACTION_LIST_MAX};
    PS_BUF_AUTO permitted = {.max = TRANSACTION_LIST_MAX};

    if (!read_list(request, "acceptedClaims", &accepted)) {
        return "invalid_accepted_claim";
    }
    if (!read_list(request, "permittedAuthorizeScopes", &permitted)) {
        return "invalid_permitted_scope";
    }
    return code_take_consent(transaction, ps_buf_bytes(&accepted), ps_buf_bytes(&permitted));
}

bool code_needs_consent(const struct transaction *transaction)
{
    return ps_bytes_equal_str(transaction_text(transaction, TRANSACTION_CONSENT_ACTION),
                              CONSENT_ASK);
}

static enum ps_err end_of_consent(const struct service *service,
                                  const struct transaction *transaction, uint64_t now_s,
                                  uint64_t *ret_end_s)
{
    struct client_terms terms;
    CLIENT_AUTO client;

    client_init(&client);
    PS_TRY(clients_get(service->db, transaction_text(transaction, TRANSACTION_CLIENT), &client));
    PS_TRY(client_terms_of(&client, service->readers[0], &terms));
    *ret_end_s = terms.consent_minutes == 0 ? 0 : now_s + 60 * terms.consent_minutes;
    return PS_OK;
}

/* A consent that is being written down. */
struct agreement {
    struct change change; /* first: a change is its agreement */
    struct login login;
    const struct code_teller *teller;
    uint64_t now_s;
    uint64_t end_s;
};

static void agreement_free(struct agreement *agreement)
{
    if (agreement != NULL) {
        login_clear(&agreement->login);
        free(agreement);
    }
}
PS_DEFINE_CLEANUP(struct agreement, agreement_free)

static enum ps_err put_code(struct login *login, char ret_code[STORE_HANDLE_LEN + 1])
{
    const struct service *service = login->exchange->service;
    const uint64_t now_s = ps_clock_real_ns() / PS_NS_PER_S;
    const struct store_key key = {STORE_CODE, ps_bytes(ret_code, STORE_HANDLE_LEN)};
    PS_BUF_AUTO record = PS_BUF_SECRET(STORE_RECORD_MAX);

    store_make_handle(ret_code);
    PS_TRY(transaction_write(&login->transaction, &record));
    return store_put(service->store, &key, STORE_OPEN, now_s + service->config->oidc.code_s,
                     ps_buf_bytes(&record));
}

static enum ps_err check_client(const struct login *login)
{
    CLIENT_AUTO client;

    client_init(&client);
    return login_find_client(login, &client);
}

static void give(struct login *login, const struct code_teller *teller)
{
    char code[STORE_HANDLE_LEN + 1];
    enum ps_err err = check_client(login);

    if (err == PS_OK) {
        err = put_code(login, code);
    }
    if (err == PS_OK) {
        teller->given(login, code);
    } else {
        teller->failed(login, err);
    }
}

static enum ps_err record_consent(struct change *change, struct db *db)
{
    const struct agreement *agreement = (const struct agreement *)(const void *)change;

    return consent_record(db, &agreement->login.transaction, agreement->now_s, agreement->end_s);
}

static void on_recorded(struct change *change, enum ps_err err)
{
    PS_CLEANUP(agreement_free_cleanup)
    struct agreement *agreement = (struct agreement *)(void *)change;

    if (err == PS_OK) {
        give(&agreement->login, agreement->teller);
    } else {
        agreement->teller->failed(&agreement->login, err);
    }
}

static enum ps_err set_end(struct agreement *agreement)
{
    struct transaction *transaction = &agreement->login.transaction;
    struct ps_buf *end = &transaction->of[TRANSACTION_CONSENT_END];

    PS_TRY(end_of_consent(agreement->login.exchange->service, transaction, agreement->now_s,
                          &agreement->end_s));
    ps_buf_reset(end);
    ps_buf_put_decimal(end, agreement->end_s);
    return ps_buf_status(end);
}

/* Takes the login over. NULL: out of memory */
static struct agreement *agreement_new(struct login *login, const struct code_teller *teller)
{
    struct agreement *agreement = calloc(1, sizeof *agreement);

    if (agreement != NULL) {
        agreement->change = (struct change){.apply = record_consent, .done = on_recorded};
        agreement->teller = teller;
        agreement->now_s = ps_clock_real_ns() / PS_NS_PER_S;
        agreement->login = *login;
        login_init(login, agreement->login.exchange);
    }
    return agreement;
}

static void write_down(struct login *login, const struct code_teller *teller)
{
    PS_CLEANUP(agreement_free_cleanup) struct agreement *agreement = agreement_new(login, teller);
    enum ps_err err;

    if (agreement == NULL) {
        teller->failed(login, ps_fail(PS_E_NO_MEMORY, 0, "out of memory"));
        return;
    }
    err = set_end(agreement);
    if (err == PS_OK) {
        err = commits_make(login->exchange->service->commits, &agreement->change);
    }
    if (err == PS_OK) {
        agreement = NULL;
    } else {
        teller->failed(&agreement->login, err);
    }
}

static enum ps_err take(struct login *login)
{
    const struct store_key key = {STORE_TRANSACTION, ps_bytes_str(login->handle)};
    PS_BUF_AUTO old = PS_BUF_SECRET(STORE_RECORD_MAX + 1);

    return store_take(login->exchange->service->store, &key, STORE_AUTHENTICATED,
                      ps_clock_real_ns() / PS_NS_PER_S, &old);
}

void code_make(struct login *login, const struct code_teller *teller)
{
    const enum ps_err err = take(login);

    if (err != PS_OK) {
        teller->failed(login, err);
    } else if (code_needs_consent(&login->transaction)) {
        write_down(login, teller);
    } else {
        give(login, teller);
    }
}

static void put_text(struct ps_buf *out, const char *name, struct ps_bytes text)
{
    ps_buf_printf(out, ",\"%s\":", name);
    if (text.len == 0) {
        ps_buf_put_str(out, "null");
    } else {
        ps_buf_put_json_string(out, text);
    }
}

static void answer_given(struct login *login, const char *code)
{
    const struct transaction *transaction = &login->transaction;
    PS_BUF_AUTO response = PS_BUF_SECRET(ENVELOPE_MAX);

    ps_buf_printf(&response, "{\"code\":\"%s\"", code);
    put_text(&response, "redirectUri", transaction_text(transaction, TRANSACTION_REDIRECT_URI));
    put_text(&response, "nonce", transaction_text(transaction, TRANSACTION_NONCE));
    put_text(&response, "state", transaction_text(transaction, TRANSACTION_STATE));
    ps_buf_put_str(&response, "}");
    browser_answer(login->exchange, ps_buf_bytes(&response));
}

static void answer_failed(struct login *login, enum ps_err err)
{
    if (err == PS_E_NOT_FOUND || err == PS_E_STATE) {
        browser_refuse(login->exchange, "invalid_transaction");
    } else {
        browser_fail(login->exchange, err);
    }
}

static const struct code_teller teller = {.given = answer_given, .failed = answer_failed};

void code_give(struct exchange *exchange, const struct endpoint *endpoint)
{
    struct json_value envelope;
    const char *mistake = NULL;
    LOGIN_AUTO login;

    (void)endpoint;
    login_init(&login, exchange);
    if (!login_open_request(&login, STORE_AUTHENTICATED, &envelope)) {
        return;
    }
    if (code_needs_consent(&login.transaction)) {
        mistake = read_consent(envelope, &login.transaction);
    }
    if (mistake != NULL) {
        browser_refuse(exchange, mistake);
    } else {
        code_make(&login, &teller);
    }
}

void code_tell_claims(struct exchange *exchange, const struct endpoint *endpoint)
{
    const struct attempt attempt = {.kind = ATTEMPT_CLAIMS};
    struct attempt counted = attempt;
    struct ps_bytes lists[2];
    struct ps_bytes claim;
    const char *code = NULL;
    const char *before = "";
    LOGIN_AUTO login;
    PS_BUF_AUTO response = PS_BUF_SECRET(ENVELOPE_MAX);
    enum ps_err err;

    (void)endpoint;
    login_init(&login, exchange);
    if (!login_open(&login, STORE_AUTHENTICATED)) {
        return;
    }
    counted.transaction = ps_bytes_str(login.handle);
    err = attempts_begin(exchange->service->attempts, &counted, ps_clock_real_ns() / PS_NS_PER_S,
                         &code);
    if (err != PS_OK) {
        err == PS_E_DENIED ? browser_refuse(exchange, code) : browser_fail(exchange, err);
        return;
    }
    ps_buf_printf(&response,
                  "{\"transactionId\":\"%s\",\"consentAction\":\"%.*s\","
                  "\"profileUpdateRequired\":false,\"claimStatus\":[",
                  login.handle,
                  PS_BYTES_FMT(transaction_text(&login.transaction, TRANSACTION_CONSENT_ACTION)));
    lists[0] = transaction_text(&login.transaction, TRANSACTION_ESSENTIAL);
    lists[1] = transaction_text(&login.transaction, TRANSACTION_VOLUNTARY);
    for (size_t i = 0; i < PS_COUNT_OF(lists); i++) {
        while (words_next(&lists[i], &claim)) {
            ps_buf_printf(&response, "%s{\"claim\":", before);
            ps_buf_put_json_string(&response, claim);
            ps_buf_put_str(&response, ",\"verified\":false,\"available\":true}");
            before = ",";
        }
    }
    ps_buf_put_str(&response, "]}");
    browser_answer(exchange, ps_buf_bytes(&response));
}
