#ifndef FRONTENDS_PLUGINS_HTTP_IDENTITY_H
#define FRONTENDS_PLUGINS_HTTP_IDENTITY_H

#include "frontends/plugins/privyseal_auth_call.h"
#include "lib/formats/json/json.h"

/*
 * The calls of MOSIP's mock identity system (esignet-mock-services 0.13), as octets: what is sent,
 * and what the answer says.
 */
enum identity_call { IDENTITY_SEND_OTP, IDENTITY_AUTHENTICATE, IDENTITY_EXCHANGE, IDENTITY_KEYS };

/* The address of a call: `base` and its path, with relying party and client as segments. */
void identity_put_url(const char *base, enum identity_call call,
                      const struct privyseal_auth_request *request, struct ps_buf *out);

/*
 * The body; nothing for IDENTITY_KEYS, which is a GET.
 * Errors: PS_E_INPUT (a factor that it does not have, or twice), or the buffer's
 */
PS_MUST_USE enum ps_err identity_put_body(enum identity_call call,
                                          const struct privyseal_auth_request *request,
                                          uint64_t now_ns, struct ps_buf *out);

/*
 * What an answer says.
 *
 * status:     of HTTP
 * ret_answer: its texts are the body's and the reader's
 */
void identity_read(struct json *json, enum identity_call call, long status, struct ps_bytes body,
                   struct privyseal_auth_answer *ret_answer);

/* ISO 639-2/T of a language; empty when there is none. */
struct ps_bytes identity_language(struct ps_bytes language);

#endif
