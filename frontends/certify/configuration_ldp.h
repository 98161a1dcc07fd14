#ifndef FRONTENDS_CERTIFY_CONFIGURATION_LDP_H
#define FRONTENDS_CERTIFY_CONFIGURATION_LDP_H

#include "frontends/certify/configuration.h"

/* What a definition says of an `ldp_vc` beside its template. */
struct ldp_definition {
    struct json_value template_json;
    struct ps_bytes suite;      /* empty: none */
    struct json_value contexts; /* may be absent, as the next: then only the template says it */
    struct json_value types;
};

/*
 * Checks what can be known before there are data, and puts it into the configuration: that it is a
 * credential of the W3C's data model, of this issuer, for the holder who asks for it.
 *
 * Errors: PS_E_INPUT, with a detail that names the member; the buffers'
 * Source: VC Data Model 1.1 sections 4.1 to 4.6, 2.0 sections 4.3 to 4.9
 */
PS_MUST_USE enum ps_err configuration_read_ldp(const struct ldp_definition *definition,
                                               struct configuration *configuration);

/*
 * That nothing within a document has a context of its own: it would give terms a meaning that none
 * of the contexts has that were given beforehand, and data can be objects.
 *
 * document: an object; its own "@context" is passed over
 * Errors:   PS_E_INPUT
 */
PS_MUST_USE enum ps_err ldp_check_inner_contexts(struct json_value document);

/*
 * That data, where they are no text, say nothing of anything but what the template puts them at:
 * no object in them names itself ("id"), or has a keyword of JSON-LD, some of which name others.
 *
 * Errors: PS_E_INPUT
 */
PS_MUST_USE enum ps_err ldp_check_data(struct json_value value);

#endif
