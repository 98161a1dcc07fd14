#ifndef FRONTENDS_CERTIFY_TOKEN_H
#define FRONTENDS_CERTIFY_TOKEN_H

#include "lib/formats/jose/jws.h"

/* An access token that a wallet shows: a JWT of the authorization server (RFC 9068, RFC 6750). */

#define TOKEN_TEXT_MAX (16u * 1024u)

/* How long a nonce that a token brings is good at most; seconds. */
#define TOKEN_NONCE_MAX_S 3600u
#define TOKEN_SKEW_S      60u

struct token_expected {
    struct ps_bytes issuer;
    struct ps_bytes audiences; /* between spaces */
    uint64_t now_s;
};

/* What of it matters; memory of its own. */
struct token {
    struct ps_buf subject;
    struct ps_buf client;
    struct ps_buf whose;    /* both of these: who may use up nonces with it */
    struct ps_buf scope;    /* between spaces */
    struct ps_buf claims;   /* the payload, JSON */
    struct ps_buf nonce;    /* of draft 13: empty: none */
    uint64_t nonce_since_s; /* when the token with it was issued */
    uint64_t nonce_until_s;
    char jkt[PUBLIC_KEY_KID_LEN]; /* the thumbprint of the key that it is bound to */
    bool bound;                   /* it is to be shown with a proof of that key: RFC 9449 */
};
void token_init(struct token *token);
void token_clear(struct token *token);

/* Of the text between its dots: which algorithm, and which key. Errors: PS_E_INPUT, ... */
PS_MUST_USE enum ps_err token_parse(struct ps_bytes text, struct ps_buf *memory,
                                    struct jws_parsed *ret_jws);

/*
 * Verifies it and reads its claims.
 *
 * json:   is used for the claims; nothing of it is kept
 * Errors: PS_E_DENIED, with a detail; PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err token_check(const struct jws_parsed *jws, struct public_key *key,
                                    const struct token_expected *expected, struct json *json,
                                    struct token *token);

/* Whether `scope` is one of those that the token has. */
bool token_has_scope(const struct token *token, struct ps_bytes scope);

#endif
