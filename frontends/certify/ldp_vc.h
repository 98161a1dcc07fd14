#ifndef FRONTENDS_CERTIFY_LDP_VC_H
#define FRONTENDS_CERTIFY_LDP_VC_H

#include "frontends/certify/issue.h"

/*
 * A credential with a Data Integrity proof of the issuer. Source: VC Data Integrity 1.0
 * section 4.2, vc-di-eddsa 1.0
 */

/*
 * rendered:   the credential without a proof, a JSON object
 * credential: gets it with one
 * Errors:     PS_E_INPUT, PS_E_NOT_FOUND, PS_E_LIMIT (it has no RDF, or none that says all that it
 *             says), those of issue_credential
 */
PS_MUST_USE enum ps_err ldp_vc_issue(const struct issue *issue, struct privyseal *client,
                                     struct ps_bytes rendered, struct ps_buf *credential);

/*
 * Whether the contexts of a configuration are there and know its suite's proofs.
 * Errors: PS_E_INPUT, with a detail; PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err ldp_vc_check(const struct configuration *configuration,
                                     const struct jsonld_contexts *contexts);

#endif
