#ifndef FRONTENDS_OIDC_AUTHORIZE_H
#define FRONTENDS_OIDC_AUTHORIZE_H

#include "frontends/oidc/acr.h"
#include "frontends/oidc/client.h"
#include "frontends/oidc/form.h"
#include "frontends/oidc/transaction.h"

/*
 * An authorization request (OpenID Connect Core section 3.1.2.1), as the browser's program sends it
 * in JSON or a relying party pushes it in a form. Its members, with both names, stand in
 * authorize.def.
 */
enum authorize_field {
#define AUTHORIZE_FIELD(name, json_name, form_name, most, code) AUTHORIZE_##name,
#include "frontends/oidc/authorize.def"
#undef AUTHORIZE_FIELD
    AUTHORIZE_FIELDS
};

/* What names a request that was pushed (RFC 9126 section 2.2), before its handle. */
#define PAR_URN "urn:ietf:params:oauth:request_uri:"

struct authorize {
    struct ps_bytes of[AUTHORIZE_FIELDS]; /* empty: absent; CLAIMS: JSON */
    char max_age[24];
};

/*
 * What is no text, too long, or has a control character is a mistake. Members that are not known
 * are passed over (OpenID Connect Core section 3.1.2.1).
 * Errors: PS_E_INPUT: ret_mistakes has at least one.
 */
PS_MUST_USE enum ps_err authorize_read_json(struct json_value request,
                                            struct authorize *ret_request,
                                            struct client_mistakes *ret_mistakes);
PS_MUST_USE enum ps_err authorize_read_form(const struct form *form, struct authorize *ret_request,
                                            struct client_mistakes *ret_mistakes);

/* What is not taken, and would be misunderstood if it were passed over; NULL: nothing of that. */
const char *authorize_find_unwanted(const struct form *form);

/*
 * Whether this is one of the client's redirect URIs, compared octet by octet.
 *
 * json:   reads the client's list
 * Errors: PS_E_INTERNAL: the client's row is damaged
 * Source: RFC 9700 section 2.1
 */
PS_MUST_USE enum ps_err authorize_find_redirect_uri(const struct client *client, struct json *json,
                                                    struct ps_bytes wanted, bool *ret_found);

/* What a request is judged by. */
struct authorize_terms {
    const struct client *client;
    const struct acr_map *acrs;
    struct ps_bytes authorize_scopes;
    struct ps_bytes credential_scopes;
    bool pushed;        /* the client itself sent it */
    struct json *first; /* readers for what is JSON in it and in the client */
    struct json *second;
};

/*
 * Makes a transaction of a request of this client.
 *
 * ret_code: with PS_E_DENIED, what is wrong, as eSignet names it
 * Errors: PS_E_DENIED, PS_E_LIMIT, PS_E_NO_MEMORY; PS_E_INTERNAL: the client's row is damaged
 */
PS_MUST_USE enum ps_err authorize_judge(const struct authorize *request,
                                        const struct authorize_terms *terms,
                                        struct transaction *ret_transaction, const char **ret_code);

/*
 * Of all that only where it may be told: TRANSACTION_REDIRECT_URI, if it is one of the client's.
 * Errors as above.
 */
PS_MUST_USE enum ps_err authorize_judge_place(const struct authorize *request,
                                              const struct authorize_terms *terms,
                                              struct transaction *ret_transaction,
                                              const char **ret_code);

/* authorize_claims.c: the claims and ACRs of it. Errors as above. */
PS_MUST_USE enum ps_err authorize_judge_claims(const struct authorize *request,
                                               const struct authorize_terms *terms,
                                               struct transaction *ret_transaction,
                                               const char **ret_code);

#endif
