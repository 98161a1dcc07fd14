#ifndef FRONTENDS_OIDC_PAGES_SHOW_H
#define FRONTENDS_OIDC_PAGES_SHOW_H

#include "frontends/oidc/pages/page.h"

/* The pages of a login. Each of these answers the request. */

/* What a page says besides its content. */
struct shown {
    unsigned status;               /* 0: 200 */
    const struct problem *problem; /* NULL: none */
};

/*
 * Where the login stands: how the person shows who they are, or what they agree to tell; of a login
 * that needs no consent any more, the way back with its code.
 */
void show_login(struct login *login, const struct shown *shown);

/* login_page.c, consent_page.c: those of show_login, from the client's name on. */
void login_page_put(struct page *page, struct ps_bytes client);
void consent_page_put(struct page *page, struct ps_bytes client);

/* The way to cancel, and how long there is; at the end of both, in their form. */
void show_put_end(struct page *page, struct ps_bytes client, uint64_t end_s);

/* Ends an authenticated login, of which consent is taken: the way back with a code. */
void show_way_back(struct login *login);

/* The login is not there (any more), or not this browser's. */
void show_over(struct exchange *exchange);

/* The request cannot be told to anybody but the person: `code` is what is wrong with it. */
void show_request_mistake(struct exchange *exchange, const char *code);

/* Nothing that the person can help: 503 when it helps to try again, else 500. Written down. */
void show_failure(struct exchange *exchange, enum ps_err err);

/*
 * The name of the client of this login in its language. ret_name: of SHOW_NAME_MAX.
 * Errors: those of login_find_client
 */
#define SHOW_NAME_MAX 2048u
PS_MUST_USE enum ps_err show_find_client(struct login *login, enum language language,
                                         struct ps_buf *ret_name);

#endif
