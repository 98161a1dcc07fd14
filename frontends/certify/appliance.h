#ifndef FRONTENDS_CERTIFY_APPLIANCE_H
#define FRONTENDS_CERTIFY_APPLIANCE_H

#include "api/client/privyseal.h"
#include "lib/base/err.h"

/*
 * What the appliance did not do, as an error with a detail: PS_E_BUSY where it will help to ask
 * again, else PS_E_INTERNAL.
 */
PS_MUST_USE enum ps_err appliance_failed(struct privyseal *client, enum privyseal_result result,
                                         const struct privyseal_answer *answer);

#endif
