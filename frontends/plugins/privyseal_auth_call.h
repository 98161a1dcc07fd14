#ifndef PRIVYSEAL_AUTH_CALL_H
#define PRIVYSEAL_AUTH_CALL_H

#include <stddef.h>
#include <stdint.h>

/* What an authenticator is asked, and what it answers; part of privyseal_authenticator.h. */

/* Longest texts, in octets. A host refuses longer ones; a plugin never sees longer ones. */
#define PRIVYSEAL_AUTH_ID_MAX        256u /* relying party, client, transaction, individual, ... */
#define PRIVYSEAL_AUTH_CHALLENGE_MAX 500000u /* one challenge */
#define PRIVYSEAL_AUTH_CHALLENGES    5u      /* challenges of one login */
#define PRIVYSEAL_AUTH_CODE_MAX      64u     /* code of a refusal: letters, digits, '.', '_', '-' */
#define PRIVYSEAL_AUTH_DETAIL_MAX    240u    /* for the log; longer ones are cut */
#define PRIVYSEAL_AUTH_TOKEN_MAX     4096u   /* kyc_token */
#define PRIVYSEAL_AUTH_CLAIMS_MAX    1048576u /* claims, claims_metadata, certificates */
#define PRIVYSEAL_AUTH_LIST_MAX      100u     /* items of a list */

/* UTF-8 without NUL, which `data` need not end with; NULL when len is 0. Who calls owns it. */
struct privyseal_auth_text {
    const char *data;
    size_t len;
};

struct privyseal_auth_list {
    const struct privyseal_auth_text *items;
    size_t count;
};

/* "OTP", "PIN", "PWD", "KBI", "BIO", "WLA"; formats as eSignet has them ("alpha-numeric", ...). */
struct privyseal_auth_challenge {
    struct privyseal_auth_text factor;
    struct privyseal_auth_text format;
    struct privyseal_auth_text value; /* a secret */
};

enum privyseal_auth_form {
    PRIVYSEAL_AUTH_JWS = 1, /* userinfo is wanted signed, */
    PRIVYSEAL_AUTH_JWE = 2  /* or encrypted to the relying party */
};

/* One call. All of it is the host's, and is gone when the plugin's function returns. */
struct privyseal_auth_request {
    struct privyseal_auth_text relying_party;
    struct privyseal_auth_text client;
    struct privyseal_auth_text transaction; /* the same for all calls of one login */
    struct privyseal_auth_text individual;  /* as the person typed it */
    struct privyseal_auth_text source; /* where the person is: equal for one address; or empty */
    uint32_t timeout_ms;               /* from now on; then the host waits no longer */

    struct privyseal_auth_list channels; /* send_otp: of those in the description; at least one */

    const struct privyseal_auth_challenge
        *challenges; /* authenticate: at least one, all to be met */
    size_t challenge_count;
    int metadata_wanted; /* authenticate: claims_metadata, too */

    struct privyseal_auth_text kyc_token; /* exchange: from authenticate of this transaction */
    struct privyseal_auth_list claims;    /* exchange: what the person agreed to tell */
    struct privyseal_auth_text
        claim_details;                  /* exchange: JSON object of verified_claims, or empty */
    struct privyseal_auth_list locales; /* exchange: languages, best first; may be none */
    enum privyseal_auth_form form;      /* exchange */
};

enum privyseal_auth_result {
    PRIVYSEAL_AUTH_OK = 0,
    PRIVYSEAL_AUTH_REFUSED = 1, /* not this person, or not this way; counts as an attempt */
    PRIVYSEAL_AUTH_AWAY = 2,    /* nothing can be said now; trying again helps */
    PRIVYSEAL_AUTH_FAILED = 3   /* a mistake of the plugin, its configuration or what it asked */
};

/*
 * What came of a call. Texts are the plugin's; the host has copied them when `answer` returns.
 * Of members that are not of the call's kind the host takes no notice.
 */
struct privyseal_auth_answer {
    enum privyseal_auth_result result;
    struct privyseal_auth_text code; /* REFUSED: told to the client; empty: the call's usual one */
    struct privyseal_auth_text detail; /* not OK: for the log; says nothing of a person's secrets */

    struct privyseal_auth_text
        masked_email; /* send_otp: where it went, as the person may see it; */
    struct privyseal_auth_text masked_mobile; /* at least one of the two */

    struct privyseal_auth_text kyc_token;       /* authenticate: for exchange; opaque to the host */
    struct privyseal_auth_text subject;         /* authenticate: `sub` of the person there; ASCII */
    struct privyseal_auth_text claims_metadata; /* authenticate: JSON object, or empty */

    struct privyseal_auth_text claims; /* exchange: a JSON object, or a compact JWS or JWE */

    struct privyseal_auth_text certificates; /* certificates: a JWK set (RFC 7517 section 5) */
};

#endif
