#ifndef FRONTENDS_CERTIFY_DISCLOSE_H
#define FRONTENDS_CERTIFY_DISCLOSE_H

#include "lib/formats/json/json.h"

/*
 * The claims of an SD-JWT: those that the holder may keep to himself become digests, and
 * disclosures beside them.
 *
 * claims:      an object
 * paths:       lines: "name", "address.city", "nationalities[*]"
 * payload:     gets the object's members, without its braces
 * disclosures: gets each with a "~" after it
 * Errors:      PS_E_INPUT (a claim of a name that SD-JWTs have for themselves), the buffers'
 * Source:      RFC 9901 sections 4.2.1 to 4.2.4
 */
PS_MUST_USE enum ps_err disclose_claims(struct json_value claims, struct ps_bytes paths,
                                        struct ps_buf *payload, struct ps_buf *disclosures);

/* Whether a line of `paths` is a path that may be there. */
bool disclose_path_valid(struct ps_bytes path);

#endif
