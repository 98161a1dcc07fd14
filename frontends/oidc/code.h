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
 * What is told to who ends a login: one of these is called, once, in the loop, perhaps before
 * code_make has returned; it answers the request. Nothing of the login is there afterwards.
 */
struct code_teller {
    void (*given)(struct login *login, const char *code);
    /* PS_E_NOT_FOUND, PS_E_STATE: it or who asked for it is gone; PS_E_BUSY; those of the store and
     * of lib/db */
    void (*failed)(struct login *login, enum ps_err err);
};

/*
 * Ends a login (STORE_AUTHENTICATED) with a code; consent is written down, and is durable before
 * the code is told. The transaction is gone: of two that ask for its code one gets it.
 *
 * login:  what is in it is taken over
 * teller: stays valid
 */
void code_make(struct login *login, const struct code_teller *teller);

#endif
