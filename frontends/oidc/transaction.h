#ifndef FRONTENDS_OIDC_TRANSACTION_H
#define FRONTENDS_OIDC_TRANSACTION_H

#include "frontends/oidc/store.h"
#include "lib/base/buf.h"

/*
 * What is known of one login. Each member is a text; lists are words between spaces. A record of
 * the store holds all of them.
 */
enum transaction_field {
    TRANSACTION_CLIENT,
    TRANSACTION_RELYING_PARTY,
    TRANSACTION_REDIRECT_URI,
    TRANSACTION_STATE,
    TRANSACTION_NONCE,
    TRANSACTION_SCOPES,            /* of OpenID Connect */
    TRANSACTION_AUTHORIZE_SCOPES,  /* that a person permits */
    TRANSACTION_CREDENTIAL_SCOPES, /* of an issuer of credentials */
    TRANSACTION_ESSENTIAL,         /* claims */
    TRANSACTION_VOLUNTARY,         /* claims */
    TRANSACTION_ACRS,              /* any of which will do */
    TRANSACTION_PROMPT,
    TRANSACTION_CLAIMS_LOCALES,
    TRANSACTION_CODE_CHALLENGE, /* S256 */
    TRANSACTION_DPOP_JKT,
    TRANSACTION_DETAILS_HASH,     /* of what the browser was told: oauth-details-hash */
    TRANSACTION_AUTHENTICATOR_ID, /* what the plugin knows it by */
    TRANSACTION_OPEN_END,   /* decimal, seconds: when somebody has to have shown who they are */
    TRANSACTION_BROWSER,    /* of the pages: the hash of its cookie; empty: the JSON interface's */
    TRANSACTION_LANGUAGE,   /* ui_locales; of the pages the one language that they have */
    TRANSACTION_WAY,        /* of the pages: factors that were chosen */
    TRANSACTION_TYPED,      /* of the pages: the individual whom a one-time password was sent to */
    TRANSACTION_SENT_TO,    /* of the pages: where it went, masked */
    TRANSACTION_INDIVIDUAL, /* from here on: when somebody has shown who they are */
    TRANSACTION_KYC_TOKEN,
    TRANSACTION_SUBJECT,
    TRANSACTION_AUTH_TIME, /* decimal, seconds */
    TRANSACTION_CONSENT_ACTION,
    TRANSACTION_CONSENT_END,  /* decimal, seconds; 0: none */
    TRANSACTION_ACCEPTED,     /* claims */
    TRANSACTION_PERMITTED,    /* authorize scopes */
    TRANSACTION_CLAIMS,       /* what is told of the person: JSON, a JWS or a JWE */
    TRANSACTION_ACCESS_TOKEN, /* of a code that was used */
    TRANSACTION_FIELDS
};

/* A person's photo may be among the claims. */
#define TRANSACTION_CLAIMS_MAX (1024u * 1024u)

/* The longest list of words. */
#define TRANSACTION_LIST_MAX 8192u

struct transaction {
    struct ps_buf of[TRANSACTION_FIELDS];
};
void transaction_init(struct transaction *transaction);
void transaction_clear(struct transaction *transaction);
#define TRANSACTION_AUTO PS_CLEANUP(transaction_clear) struct transaction

/* Replaces a member. Errors: PS_E_LIMIT, PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err transaction_set(struct transaction *transaction,
                                        enum transaction_field field, struct ps_bytes text);
struct ps_bytes transaction_text(const struct transaction *transaction,
                                 enum transaction_field field);

/* Errors: the buffer's. */
PS_MUST_USE enum ps_err transaction_write(const struct transaction *transaction,
                                          struct ps_buf *out);

/* Errors: PS_E_INPUT: no record of this version; PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err transaction_read(struct ps_bytes record, struct transaction *transaction);

/* A list of words: adds one; whether one stands in it; the first one, which is taken off *list. */
void words_add(struct ps_buf *list, struct ps_bytes word);
bool words_have(struct ps_bytes list, struct ps_bytes word);
bool words_next(struct ps_bytes *list, struct ps_bytes *ret_word);

/* Appends a list of words as a JSON array. */
void words_put_json(struct ps_bytes list, struct ps_buf *out);

#endif
