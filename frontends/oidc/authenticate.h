#ifndef FRONTENDS_OIDC_AUTHENTICATE_H
#define FRONTENDS_OIDC_AUTHENTICATE_H

#include "frontends/oidc/service.h"

/* What asks the plugin who a person is: send-otp and v3/authenticate. */

void authenticate_send_otp(struct exchange *exchange, const struct endpoint *endpoint);
void authenticate_person(struct exchange *exchange, const struct endpoint *endpoint);

#endif
