#ifndef FRONTENDS_CERTIFY_ISSUE_H
#define FRONTENDS_CERTIFY_ISSUE_H

#include "frontends/certify/configuration.h"
#include "frontends/certify/issuer_keys.h"
#include "frontends/certify/proof.h"
#include "frontends/certify/provider.h"
#include "frontends/certify/token.h"
#include "frontends/shared/calls.h"
#include "lib/jsonld/jsonld.h"

/* Making one credential, on one of the threads that call the appliance. */
struct issue {
    const struct configuration *configuration;
    const struct provider *provider;
    const struct jsonld_contexts *contexts; /* of ldp_vc, as the next one */
    struct issuer_keys *keys;
    const char *issuer;  /* the issuer's identifier */
    struct ps_bytes did; /* and its DID */
    bool draft;
    const struct token *token;
    const struct proof *proof;
    uint64_t now_s;
};

/*
 * credential: gets its text, without quotes; of ldp_vc a JSON object
 * Errors:     PS_E_NOT_FOUND (nobody of that subject), PS_E_BUSY (data or appliance away),
 *             PS_E_INTERNAL (template, data or key do not fit), PS_E_NO_MEMORY; with a detail
 */
PS_MUST_USE enum ps_err issue_credential(const struct issue *issue, struct privyseal *client,
                                         struct ps_buf *credential);

#endif
