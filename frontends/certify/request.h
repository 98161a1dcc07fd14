#ifndef FRONTENDS_CERTIFY_REQUEST_H
#define FRONTENDS_CERTIFY_REQUEST_H

#include "lib/formats/json/json.h"

/*
 * What a wallet asks for. The two versions of the protocol are told apart by the body: 1.0 names a
 * configuration, draft 13 a format.
 */

#define REQUEST_MAX (64u * 1024u)

/* A refusal: its code, and a sentence; both literals. */
struct refusal {
    const char *code;
    const char *description;
};

struct credential_request {
    bool draft;
    struct ps_bytes id;         /* 1.0 */
    struct ps_bytes format;     /* draft 13 */
    struct json_value document; /* the same: for what selects by format */
    struct ps_bytes proof;      /* a JWT */
};

/*
 * Unknown members mean nothing: OpenID4VCI 1.0 section 8.2. What is read borrows from `json`.
 * Errors: PS_E_INPUT, with a refusal; PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err request_read(struct ps_bytes body, struct json *json,
                                     struct credential_request *ret_request,
                                     struct refusal *ret_refusal);

/* The text by which a configuration is found: its `selector`. Errors: PS_E_INPUT, with a refusal.
 */
PS_MUST_USE enum ps_err request_put_selector(const struct credential_request *request,
                                             struct ps_buf *out, struct refusal *ret_refusal);

#endif
