#ifndef FRONTENDS_OIDC_BROWSER_H
#define FRONTENDS_OIDC_BROWSER_H

#include "frontends/oidc/envelope.h"
#include "frontends/oidc/service.h"

/* What the endpoints of the browser's program have in common: eSignet's envelope, always 200. */

/*
 * Sees that the browser's own page sent it (csrf.h), and reads the envelope. Answers when not:
 * false.
 */
bool browser_open(struct exchange *exchange, struct json_value *ret_request);

/* `response`: JSON. */
void browser_answer(struct exchange *exchange, struct ps_bytes response);
void browser_refuse(struct exchange *exchange, const char *code);
void browser_refuse_all(struct exchange *exchange, const struct client_mistakes *mistakes);

/* What nobody who asks can help: a disk, memory, a limit of ours. Written down. */
void browser_fail(struct exchange *exchange, enum ps_err err);

#endif
