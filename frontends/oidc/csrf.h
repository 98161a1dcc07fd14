#ifndef FRONTENDS_OIDC_CSRF_H
#define FRONTENDS_OIDC_CSRF_H

#include "lib/base/buf.h"

/*
 * Who writes to the browser's interface shows that it can read what it was told: a random value is
 * in a cookie, and the same, masked anew each time, in a header (double submit). A masked token
 * gives nothing away through the length of a compressed answer.
 */

#define CSRF_COOKIE    "XSRF-TOKEN"
#define CSRF_VALUE_LEN 43u /* of the cookie: 256 bits in base64url */
#define CSRF_TOKEN_LEN 86u /* a mask, and the value under it, in base64url */

/* The value of the cookie of this name in a header Cookie, if it is one of ours. */
bool csrf_find(struct ps_bytes cookies, const char *cookie, struct ps_bytes *ret_value);

void csrf_make_value(char ret_value[CSRF_VALUE_LEN + 1]);
void csrf_make_token(struct ps_bytes value, char ret_token[CSRF_TOKEN_LEN + 1]);

/* Whether the token was made of this value. */
bool csrf_is_of(struct ps_bytes token, struct ps_bytes value);

/* cookies, token: the headers, as they came; data NULL when absent. */
bool csrf_is_good(struct ps_bytes cookies, struct ps_bytes token);

#endif
