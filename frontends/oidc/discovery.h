#ifndef FRONTENDS_OIDC_DISCOVERY_H
#define FRONTENDS_OIDC_DISCOVERY_H

#include "frontends/oidc/service.h"

/* What relying parties configure themselves from. */
void discovery_tell(struct exchange *exchange, const struct endpoint *endpoint);

#endif
