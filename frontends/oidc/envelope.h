#ifndef FRONTENDS_OIDC_ENVELOPE_H
#define FRONTENDS_OIDC_ENVELOPE_H

#include "frontends/oidc/client.h"

/*
 * eSignet's envelope: {"requestTime", "request"} in, {"responseTime", "response", "errors"} out.
 */

/* How far the clock of a caller may be from ours. */
#define ENVELOPE_LEEWAY_S 120u

/* Largest request, in octets; and of one that has a challenge in it. */
#define ENVELOPE_MAX           (64u * 1024u)
#define ENVELOPE_CHALLENGE_MAX (512u * 1024u)

/*
 * Errors: PS_E_INPUT: no JSON, no such members, or not of this time; PS_E_LIMIT, PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err envelope_open(struct json *json, struct ps_bytes body, uint64_t now_ns,
                                      struct json_value *ret_request);

/* `response`: JSON. */
void envelope_put_response(struct ps_bytes response, uint64_t now_ns, struct ps_buf *out);

/* One error that is about no member. */
void envelope_put_error(const char *code, uint64_t now_ns, struct ps_buf *out);
void envelope_put_mistakes(const struct client_mistakes *mistakes, uint64_t now_ns,
                           struct ps_buf *out);

#endif
