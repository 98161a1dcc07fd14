#ifndef FRONTENDS_PLUGINS_REGISTRY_KNOWLEDGE_H
#define FRONTENDS_PLUGINS_REGISTRY_KNOWLEDGE_H

#include "frontends/plugins/registry/person.h"

/* What a person knows of themselves: a policy's number, their name and their date of birth. */

/* The fields as eSignet's pages have them (auth.factor.kbi.field-details). */
extern const char knowledge_form[];

/* base64url of {"policyNumber", "fullName", "dob"}, read. Texts are the document's. */
struct knowledge {
    struct ps_bytes policy;
    struct ps_bytes name;
    struct ps_bytes birthdate; /* YYYY-MM-DD */
};

/*
 * ret_text: holds the decoded document, which ret_knowledge points into
 * Errors:   PS_E_INPUT, PS_E_LIMIT, PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err knowledge_read(struct json *json, struct ps_bytes challenge,
                                       struct ps_buf *ret_text, struct knowledge *ret_knowledge);

/*
 * All three are the person's. Of white space between and around the words of a name, and of ASCII
 * letters' case, no notice is taken; `name` and its forms in other languages are as good.
 * json: another reader than the one that holds `knowledge`
 */
bool knowledge_matches(struct json *json, const struct knowledge *knowledge,
                       const struct person *person);

#endif
