#ifndef API_JWE_JOSE_H
#define API_JWE_JOSE_H

#include "api/sign/sign.h"

/* What the routes that make a JWS have in common. */

/* The member `include`, or no value: JWS_INCLUDE_..., a sum. Errors: PS_E_INPUT. */
PS_MUST_USE enum ps_err jose_read_include(struct json_value array, uint8_t *ret_include);

/*
 * Both begin an answer with the compact form; sign_put_end ends it.
 * middle:  text that stands between the dots
 * payload: octets, which are encoded there
 */
void jose_put_compact(const struct msg_jws_signed *answer, struct ps_bytes middle,
                      struct ps_buf *out);
void jose_put_encoded(const struct msg_jws_signed *answer, struct ps_bytes payload,
                      struct ps_buf *out);

#endif
