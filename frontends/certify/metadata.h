#ifndef FRONTENDS_CERTIFY_METADATA_H
#define FRONTENDS_CERTIFY_METADATA_H

#include "frontends/certify/config.h"
#include "frontends/certify/configurations.h"

/*
 * The issuer's metadata. Of 1.0 it has the members that wallets of draft 13 look for as well, but
 * for those that mean something else there; as draft 13 alone it has none of 1.0.
 *
 * Source: OpenID4VCI 1.0 section 12.2.4; draft 13 section 11.2.3
 */
PS_MUST_USE enum ps_err metadata_put(const struct certify_config *config,
                                     const struct configurations *configurations, bool draft,
                                     struct ps_buf *out);

#define METADATA_CREDENTIAL_PATH "/v1/certify/issuance/credential"
#define METADATA_NONCE_PATH      "/v1/certify/nonce"

#endif
