#ifndef FORMATS_COSE_CBOR_JSON_H
#define FORMATS_COSE_CBOR_JSON_H

#include "lib/formats/json/json.h"

/* Maps of CBOR that people write as JSON: headers, and the claims of a CWT. */

/*
 * A JSON object as a CBOR map in the ordered form: a member whose name is a whole number in decimal
 * has that number as its label, any other its name. Numbers are whole, within +-10^15. Octets
 * cannot be written so. `is_claims`: the outermost members iss, sub, aud, exp, nbf, iat and cti
 * have the labels of RFC 8392 section 3.1, and cti is base64url. Errors: PS_E_INPUT; the detail
 * names the member
 */
PS_MUST_USE enum ps_err cbor_put_json(struct json_value object, bool is_claims, struct ps_buf *out);

/*
 * The same, or a map as it is, in base64url, when the value is a string: whether that is a map is
 * for who reads it. `*ret_map` lies in the document's memory until the next json_parse.
 */
PS_MUST_USE enum ps_err cbor_map_from_json(struct json_value value, bool is_claims,
                                           struct ps_bytes *ret_map);

#endif
