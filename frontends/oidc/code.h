#ifndef FRONTENDS_OIDC_CODE_H
#define FRONTENDS_OIDC_CODE_H

#include "frontends/oidc/service.h"

/* What follows when a person has shown who they are: claim-details, and auth-code with consent. */

void code_tell_claims(struct exchange *exchange, const struct endpoint *endpoint);
void code_give(struct exchange *exchange, const struct endpoint *endpoint);

#endif
