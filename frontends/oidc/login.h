#ifndef FRONTENDS_OIDC_LOGIN_H
#define FRONTENDS_OIDC_LOGIN_H

#include "frontends/oidc/attempts.h"
#include "frontends/oidc/browser.h"
#include "frontends/oidc/client.h"
#include "frontends/plugins/host.h"

/* A request of the pages within a login: which is told by the header oauth-details-key. */
struct login {
    struct exchange *exchange;
    char handle[STORE_HANDLE_LEN + 1];
    enum store_state state;
    struct transaction transaction;
};
void login_init(struct login *login, struct exchange *exchange);
void login_clear(struct login *login);
#define LOGIN_AUTO PS_CLEANUP(login_clear) struct login

/*
 * Finds the transaction of this handle, in this state, whoever asks. Errors: PS_E_NOT_FOUND; those
 * of the store
 */
PS_MUST_USE enum ps_err login_find(struct login *login, struct ps_bytes handle,
                                   enum store_state state);

/* Stores what was changed of it, if it is still in its state. Errors: PS_E_STATE; the store's. */
PS_MUST_USE enum ps_err login_save(struct login *login);

/*
 * Finds the transaction that the headers name, in this state, and sees that the browser was told
 * what we told it (oauth-details-hash). Answers when not: false.
 */
bool login_open(struct login *login, enum store_state state);

/* The same, with a body whose transactionId is the same. */
bool login_open_request(struct login *login, enum store_state state,
                        struct json_value *ret_request);

/*
 * Who asked for the login, as they are now: since it began they may have been made inactive, or the
 * place that they asked to be told at may be theirs no more.
 *
 * ret_client: initialised
 * Errors:     PS_E_NOT_FOUND: nobody is to be told of it any more; PS_E_INTERNAL; those of lib/db
 */
PS_MUST_USE enum ps_err login_find_client(const struct login *login, struct client *ret_client);

/* Where the person is, for limits: equal for requests from one address. */
#define LOGIN_SOURCE_MAX 64u
struct ps_bytes login_source(const struct exchange *exchange, char text[LOGIN_SOURCE_MAX]);

/* Whether that is an address, and not a user of this machine who brings no other's. */
bool login_has_address(const struct exchange *exchange);

/* The appliance or the register of people is away. */
void login_answer_away(struct exchange *exchange);

#endif
