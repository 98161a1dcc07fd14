#ifndef FRONTENDS_OIDC_CHALLENGE_H
#define FRONTENDS_OIDC_CHALLENGE_H

#include "frontends/plugins/privyseal_authenticator.h"
#include "lib/formats/json/json.h"

/* What a person shows to prove who they are, as v3/authenticate and send-otp have it. */

#define CHALLENGE_WORDS_MAX 256u

struct challenges {
    struct ps_bytes individual;
    struct privyseal_auth_challenge of[PRIVYSEAL_AUTH_CHALLENGES];
    size_t count;
    struct ps_bytes types; /* between spaces, in `words` */
    char words[CHALLENGE_WORDS_MAX];
};

/*
 * Texts are the request's. ret_code: with PS_E_INPUT, what is wrong, as eSignet names it.
 * Errors: PS_E_INPUT
 */
PS_MUST_USE enum ps_err challenge_read(struct json_value request, struct challenges *ret_challenges,
                                       const char **ret_code);

struct otp_request {
    struct ps_bytes individual;
    struct privyseal_auth_text channels[PRIVYSEAL_AUTH_CHALLENGES];
    size_t count;
};

/* channels: between spaces, that there are. Errors as above. */
PS_MUST_USE enum ps_err challenge_read_otp(struct json_value request, struct ps_bytes channels,
                                           struct otp_request *ret_request, const char **ret_code);

struct privyseal_auth_text challenge_text(struct ps_bytes text);

#endif
