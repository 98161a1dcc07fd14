#ifndef FRONTENDS_OIDC_OAUTH_H
#define FRONTENDS_OIDC_OAUTH_H

#include "frontends/oidc/form.h"
#include "frontends/oidc/service.h"

/* Answers of the OAuth endpoints: JSON that nobody keeps (RFC 6749 sections 5.1 and 5.2). */

#define OAUTH_TYPE "application/x-www-form-urlencoded"

/* Whether the body is of OAUTH_TYPE. */
bool oauth_is_form(const struct http_request *request);

/* The JSON in http_request_out. */
void oauth_answer(struct exchange *exchange, unsigned status);

/* `description`: ASCII without quotes; or NULL. */
void oauth_refuse(struct exchange *exchange, unsigned status, const char *error,
                  const char *description);

/* What no client can help: a disk, memory, a limit of ours. Written down, and told as 503 or 500.
 */
void oauth_fail(struct exchange *exchange, enum ps_err err);

/* A code of eSignet's as an error of OAuth's: what that has no word for is invalid_request. */
struct oauth_error {
    const char *error;
    const char *description; /* NULL: none */
};
struct oauth_error oauth_error_of(const char *code);
void oauth_refuse_code(struct exchange *exchange, const char *code);

/*
 * Reads the form of a request and who sent it; answers when it cannot: false.
 *
 * path:               of the endpoint, which an assertion may name as its audience
 * memory, ret_client: initialised
 */
bool oauth_begin(struct exchange *exchange, const char *path, struct ps_buf *memory,
                 struct form *ret_form, struct client *ret_client);

#endif
