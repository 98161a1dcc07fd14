#ifndef FRONTENDS_OIDC_PAGES_VISITOR_H
#define FRONTENDS_OIDC_PAGES_VISITOR_H

#include "frontends/oidc/csrf.h"
#include "frontends/oidc/login.h"

/*
 * The browser of a request. It has one cookie, of 256 random bits, which binds to it the logins
 * that it begins and the forms of each: a login cannot be carried into another browser, and a form
 * that another site made is not taken. The cookie is SameSite=Lax, since a relying party's site
 * leads to the pages; the steps of a login are POSTs, with which it does not come from elsewhere.
 */
#define VISITOR_COOKIE     "__Host-privyseal-login"
#define VISITOR_COOKIE_MAX 160u /* a header Set-Cookie with its NUL */

struct visitor {
    char value[CSRF_VALUE_LEN + 1];
    bool is_new; /* it has no cookie yet */
};

/* Kept in the exchange: what the browser sent, or a new one. */
struct visitor *visitor_of(struct exchange *exchange);

/* Appends what a transaction keeps of it (TRANSACTION_BROWSER). */
void visitor_put_mark(const struct visitor *visitor, struct ps_buf *out);

/* Whether the login began in this browser. */
bool visitor_owns(const struct visitor *visitor, const struct transaction *transaction);

/* A token for the forms of the login of this handle; and whether one is. */
void visitor_make_token(const struct visitor *visitor, const char *handle,
                        char ret_token[CSRF_TOKEN_LEN + 1]);
bool visitor_has_sent(const struct visitor *visitor, const char *handle, struct ps_bytes token);

void visitor_make_cookie(const struct visitor *visitor, char ret_header[VISITOR_COOKIE_MAX]);

#endif
