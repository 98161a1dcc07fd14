#ifndef FRONTENDS_OIDC_CLAIMS_H
#define FRONTENDS_OIDC_CLAIMS_H

#include "frontends/oidc/transaction.h"
#include "lib/formats/json/json.h"

/* What stands in tokens and in userinfo. All append, and end with a NUL where it is said. */

struct claims_terms {
    const char *issuer;
    uint64_t now_s;
    uint64_t access_s; /* lifetimes */
    uint64_t id_s;
    const char *credential_audience; /* of tokens with credential scopes */
    const char *c_nonce;             /* the same */
};

/* With a NUL. */
void claims_put_access(const struct transaction *transaction, const struct claims_terms *terms,
                       struct ps_buf *out);

/* Open at its end: at_hash follows. */
void claims_put_id(const struct transaction *transaction, const struct claims_terms *terms,
                   struct ps_buf *out);

/*
 * With a NUL: of what the plugin tells, what the person agreed to (a claim may have a language
 * behind it: OpenID Connect Core section 5.2), and who says it of whom to whom.
 * Errors: PS_E_INPUT: it is no JSON object; the buffer's
 */
PS_MUST_USE enum ps_err claims_put_userinfo(const struct transaction *transaction,
                                            const char *issuer, struct json *reader,
                                            struct ps_buf *out);

#endif
