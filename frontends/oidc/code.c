#include "frontends/oidc/code.h"

#include "frontends/oidc/clients.h"
#include "frontends/oidc/consent.h"
#include "frontends/oidc/login.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/line.h"

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

/* An array of texts as words; absent and null: none. Each stands in `first` or `second`. */
static bool read_list(struct json_value request, const char *name, struct ps_bytes first,
                      struct ps_bytes second, struct ps_buf *words)
{
    struct json_value list;
    struct json_value item;
    struct ps_bytes word;
    uint32_t cursor = 0;

    ps_buf_reset(words);
    if (!json_member(request, name, &list) || json_type(list) == JSON_NULL) {
        return true;
    }
    if (json_type(list) != JSON_ARRAY) {
        return false;
    }
    while (json_next(list, &cursor, NULL, &item)) {
        if (json_string(item, &word) != PS_OK || word.len == 0 ||
            (!words_have(first, word) && !words_have(second, word))) {
            return false;
        }
        if (!words_have(ps_buf_bytes(words), word)) {
            words_add(words, word);
        }
    }
    return ps_buf_status(words) == PS_OK;
}

/* Essential claims are among those that are agreed to, and nothing that was not asked for. */
static const char *read_consent(struct json_value request, struct transaction *transaction)
{
    const struct ps_bytes essential = transaction_text(transaction, TRANSACTION_ESSENTIAL);
    struct ps_buf *accepted = &transaction->of[TRANSACTION_ACCEPTED];

    if (!read_list(request, "acceptedClaims", essential,
                   transaction_text(transaction, TRANSACTION_VOLUNTARY), accepted) ||
        !are_in(essential, ps_buf_bytes(accepted))) {
        return "invalid_accepted_claim";
    }
    return read_list(request, "permittedAuthorizeScopes",
                     transaction_text(transaction, TRANSACTION_AUTHORIZE_SCOPES), ps_bytes(NULL, 0),
                     &transaction->of[TRANSACTION_PERMITTED])
               ? NULL
               : "invalid_permitted_scope";
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

static enum ps_err write_down(const struct service *service, struct transaction *transaction,
                              uint64_t now_s)
{
    struct ps_buf *end = &transaction->of[TRANSACTION_CONSENT_END];
    uint64_t end_s = 0;

    if (!ps_bytes_equal_str(transaction_text(transaction, TRANSACTION_CONSENT_ACTION),
                            CONSENT_ASK)) {
        return PS_OK;
    }
    PS_TRY(end_of_consent(service, transaction, now_s, &end_s));
    ps_buf_reset(end);
    ps_buf_put_decimal(end, end_s);
    PS_TRY(ps_buf_status(end));
    return consent_record(service->db, transaction, now_s, end_s);
}

/* The transaction is gone: of two that ask for its code one gets it. */
static enum ps_err make_code(struct login *login, const char *code)
{
    struct service *service = login->exchange->service;
    const uint64_t now_s = ps_clock_real_ns() / PS_NS_PER_S;
    const struct store_key from = {STORE_TRANSACTION, ps_bytes_str(login->handle)};
    const struct store_key to = {STORE_CODE, ps_bytes_str(code)};
    PS_BUF_AUTO old = {.max = STORE_RECORD_MAX + 1};
    PS_BUF_AUTO record = {.max = STORE_RECORD_MAX};

    PS_TRY(store_take(service->store, &from, STORE_AUTHENTICATED, now_s, &old));
    PS_TRY(write_down(service, &login->transaction, now_s));
    PS_TRY(transaction_write(&login->transaction, &record));
    return store_put(service->store, &to, STORE_OPEN, now_s + service->config->oidc.code_s,
                     ps_buf_bytes(&record));
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

static void answer(const struct login *login, const char *code)
{
    const struct transaction *transaction = &login->transaction;
    PS_BUF_AUTO response = {.max = ENVELOPE_MAX};

    ps_buf_printf(&response, "{\"code\":\"%s\"", code);
    put_text(&response, "redirectUri", transaction_text(transaction, TRANSACTION_REDIRECT_URI));
    put_text(&response, "nonce", transaction_text(transaction, TRANSACTION_NONCE));
    put_text(&response, "state", transaction_text(transaction, TRANSACTION_STATE));
    ps_buf_put_str(&response, "}");
    browser_answer(login->exchange, ps_buf_bytes(&response));
}

void code_give(struct exchange *exchange, const struct endpoint *endpoint)
{
    char code[STORE_HANDLE_LEN + 1];
    struct json_value envelope;
    const char *mistake = NULL;
    LOGIN_AUTO login;
    enum ps_err err;

    (void)endpoint;
    login_init(&login, exchange);
    if (!login_open_request(&login, STORE_AUTHENTICATED, &envelope)) {
        return;
    }
    if (ps_bytes_equal_str(transaction_text(&login.transaction, TRANSACTION_CONSENT_ACTION),
                           CONSENT_ASK)) {
        mistake = read_consent(envelope, &login.transaction);
    }
    if (mistake != NULL) {
        browser_refuse(exchange, mistake);
        return;
    }
    store_make_handle(code);
    err = make_code(&login, code);
    if (err == PS_OK) {
        answer(&login, code);
    } else if (err == PS_E_NOT_FOUND || err == PS_E_STATE) {
        browser_refuse(exchange, "invalid_transaction");
    } else {
        browser_fail(exchange, err);
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
    PS_BUF_AUTO response = {.max = ENVELOPE_MAX};
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
