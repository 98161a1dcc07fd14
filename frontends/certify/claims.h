#ifndef FRONTENDS_CERTIFY_CLAIMS_H
#define FRONTENDS_CERTIFY_CLAIMS_H

#include "lib/formats/json/json.h"

/* Claims of a JWT, as access tokens and proofs have them; RFC 7519. */

/* False: it is not there, or is no string, or an empty one. */
bool claims_text(struct json_value object, const char *name, struct ps_bytes *ret_text);

/*
 * A NumericDate. Fractions are cut off.
 * Errors: PS_E_NOT_FOUND: it is not there; PS_E_INPUT: it is no time from 1970 on
 */
PS_MUST_USE enum ps_err claims_time(struct json_value object, const char *name, uint64_t *ret_s);

/* Whether "aud", a string or an array of them, is or has this one. */
bool claims_name_audience(struct json_value object, struct ps_bytes audience);

#endif
