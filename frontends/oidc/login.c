#include "frontends/oidc/login.h"

#include "frontends/oidc/assertion.h"
#include "frontends/oidc/authorize.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"

#include <arpa/inet.h>
#include <netinet/in.h>

void login_init(struct login *login, struct exchange *exchange)
{
    *login = (struct login){.exchange = exchange};
    transaction_init(&login->transaction);
}

void login_clear(struct login *login)
{
    transaction_clear(&login->transaction);
}

enum ps_err login_find(struct login *login, struct ps_bytes handle, enum store_state state)
{
    const struct store_key key = {STORE_TRANSACTION, ps_bytes(login->handle, STORE_HANDLE_LEN)};
    PS_BUF_AUTO record = PS_BUF_SECRET(STORE_RECORD_MAX + 1);
    enum ps_err err;

    login->state = state;
    if (handle.len != STORE_HANDLE_LEN) {
        return ps_fail(PS_E_NOT_FOUND, 0, "no handle of ours");
    }
    memcpy(login->handle, handle.data, handle.len);
    err = store_get(login->exchange->service->store, &key, state, ps_clock_real_ns() / PS_NS_PER_S,
                    &record);
    if (err == PS_OK) {
        err = transaction_read(ps_buf_bytes(&record), &login->transaction);
    }
    return err == PS_E_STATE ? PS_E_NOT_FOUND : err;
}

enum ps_err login_save(struct login *login)
{
    const struct store_key key = {STORE_TRANSACTION, ps_bytes_str(login->handle)};
    const struct store_move move = {
        .from = login->state, .to = login->state, .now_s = ps_clock_real_ns() / PS_NS_PER_S};
    PS_BUF_AUTO record = PS_BUF_SECRET(STORE_RECORD_MAX);

    PS_TRY(transaction_write(&login->transaction, &record));
    return store_move(login->exchange->service->store, &key, &move, ps_buf_bytes(&record));
}

bool login_open(struct login *login, enum store_state state)
{
    const struct http_request *request = login->exchange->request;
    const struct ps_bytes key = http_request_header(request, HTTP_OAUTH_DETAILS_KEY);
    const struct ps_bytes hash = http_request_header(request, HTTP_OAUTH_DETAILS_HASH);
    enum ps_err err = login_find(login, key, state);

    /* A login of the pages goes on where it began. */
    if (err == PS_OK && login->transaction.of[TRANSACTION_BROWSER].len != 0) {
        err = PS_E_NOT_FOUND;
    }
    if (err == PS_E_NOT_FOUND) {
        browser_refuse(login->exchange, "invalid_transaction");
    } else if (err != PS_OK) {
        browser_fail(login->exchange, err);
    } else if (!ps_bytes_equal_secret(
                   hash, transaction_text(&login->transaction, TRANSACTION_DETAILS_HASH))) {
        browser_refuse(login->exchange, "invalid_request");
    } else {
        return true;
    }
    return false;
}

bool login_open_request(struct login *login, enum store_state state, struct json_value *ret_request)
{
    struct json_value value;
    struct ps_bytes named;

    if (!browser_open(login->exchange, ret_request) || !login_open(login, state)) {
        return false;
    }
    if (!json_member(*ret_request, "transactionId", &value) ||
        json_string(value, &named) != PS_OK || !ps_bytes_equal_str(named, login->handle)) {
        browser_refuse(login->exchange, "invalid_transaction_id");
        return false;
    }
    return true;
}

enum ps_err login_find_client(const struct login *login, struct client *ret_client)
{
    const struct service *service = login->exchange->service;
    const struct transaction *transaction = &login->transaction;
    bool found = false;

    PS_TRY(assertion_get_client(service->db, transaction_text(transaction, TRANSACTION_CLIENT),
                                ret_client));
    PS_TRY(authorize_find_redirect_uri(ret_client, service->readers[0],
                                       transaction_text(transaction, TRANSACTION_REDIRECT_URI),
                                       &found));
    return found ? PS_OK : ps_fail(PS_E_NOT_FOUND, 0, "the client is no more at where it asked");
}

static bool is_proxy(const struct exchange *exchange)
{
    const struct http_caller *caller = http_request_caller(exchange->request);
    const struct config_uids *proxies = &exchange->service->config->oidc.proxies;

    for (size_t i = 0; caller->kind == HTTP_CALLER_UNIX && i < proxies->count; i++) {
        if (proxies->ids[i] == caller->uid) {
            return true;
        }
    }
    return false;
}

static struct ps_bytes put_hex(struct ps_bytes octets, char text[LOGIN_SOURCE_MAX])
{
    const size_t len = octets.len < LOGIN_SOURCE_MAX / 2 ? octets.len : LOGIN_SOURCE_MAX / 2;

    for (size_t i = 0; i < len; i++) {
        text[2 * i] = "0123456789abcdef"[octets.data[i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[octets.data[i] & 15];
    }
    return ps_bytes(text, 2 * len);
}

/*
 * However an address is written it is one; of IPv6 it is the network of 64 bits, in which one
 * person has as many addresses as they like.
 */
static struct ps_bytes put_address(struct ps_bytes told, char text[LOGIN_SOURCE_MAX])
{
    char name[LOGIN_SOURCE_MAX + 1] = "";
    struct in_addr v4;
    struct in6_addr v6;

    memcpy(name, told.data, told.len);
    if (inet_pton(AF_INET, name, &v4) == 1) {
        return put_hex(ps_bytes(&v4, sizeof v4), text);
    }
    if (inet_pton(AF_INET6, name, &v6) == 1) {
        return IN6_IS_ADDR_V4MAPPED(&v6) ? put_hex(ps_bytes(v6.s6_addr + 12, 4), text)
                                         : put_hex(ps_bytes(v6.s6_addr, 8), text);
    }
    memcpy(text, told.data, told.len);
    return ps_bytes(text, told.len);
}

static bool is_told(const struct exchange *exchange, struct ps_bytes told)
{
    return told.len != 0 && told.len <= LOGIN_SOURCE_MAX && is_proxy(exchange);
}

bool login_has_address(const struct exchange *exchange)
{
    return http_request_caller(exchange->request)->kind != HTTP_CALLER_UNIX ||
           is_told(exchange, http_request_header(exchange->request, HTTP_X_REAL_IP));
}

struct ps_bytes login_source(const struct exchange *exchange, char text[LOGIN_SOURCE_MAX])
{
    const struct ps_bytes told = http_request_header(exchange->request, HTTP_X_REAL_IP);

    return is_told(exchange, told) ? put_address(told, text)
                                   : put_hex(http_request_peer(exchange->request), text);
}

void login_answer_away(struct exchange *exchange)
{
    http_refuse(
        exchange->request,
        &(struct http_problem){.problem = PS_PROBLEM_KEEPER_UNAVAILABLE,
                               .detail = ps_bytes_str("who people are cannot be asked now")});
}
