#ifndef FRONTENDS_OIDC_CODE_H
#define FRONTENDS_OIDC_CODE_H

#include "frontends/oidc/login.h"

/* What follows when a person has shown who they are: claim-details, and auth-code with consent. */

void code_tell_claims(struct exchange *exchange, const struct endpoint *endpoint);
void code_give(struct exchange *exchange, const struct endpoint *endpoint);

/* Whether the person is to be asked what may be told. */
bool code_needs_consent(const struct transaction *transaction);

/*
 * Takes down what the person agreed to: claims and authorize scopes, as words. What is essential is
 * among them, and nothing that was not asked for. NULL, or the mistake as eSignet names it.
 */
const char *code_take_consent(struct transaction *transaction, struct ps_bytes accepted,
                              struct ps_bytes permitted);

/*
 * Ends a login (STORE_AUTHENTICATED) with a code; consent is written down. The transaction is gone:
 * of two that ask for its code one gets it.
 * Errors: PS_E_NOT_FOUND, PS_E_STATE: it is gone; those of the store and of lib/db
 */
PS_MUST_USE enum ps_err code_make(struct login *login, char ret_code[STORE_HANDLE_LEN + 1]);

#endif
