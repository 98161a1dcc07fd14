#ifndef FRONTENDS_OIDC_PAGES_LEAVE_H
#define FRONTENDS_OIDC_PAGES_LEAVE_H

#include "frontends/oidc/oauth.h"
#include "frontends/oidc/pages/page.h"

/* The way back to the relying party, with a code or an error (RFC 6749 section 4.1.2, RFC 9207). */
struct leave {
    struct ps_bytes redirect_uri;
    struct ps_bytes state;    /* empty: none */
    const char *code;         /* NULL: an error */
    struct oauth_error error; /* without a code */
};

/* Appends the address. Errors: the buffer's. */
PS_MUST_USE enum ps_err leave_put(const struct leave *leave, const char *issuer,
                                  struct ps_buf *out);

/* A code of eSignet's as what the relying party is told (RFC 6749 section 4.1.2.1). */
struct oauth_error leave_error_of(const char *code);

/* Redirects a GET at once: 303. */
void leave_redirect(struct exchange *exchange, const struct leave *leave);

/*
 * Ends the forms of a login: with a page that leads back, since a redirect would be held against
 * form-action by some browsers.
 */
void leave_show(struct login *login, const struct leave *leave);

#endif
