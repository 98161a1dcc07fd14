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

/* eSignet's format of a factor, and how many octets its challenge has. */
struct challenge_kind {
    const char *factor;
    const char *format;
    size_t least;
    size_t most;
};

/* NULL: there is no such factor. */
const struct challenge_kind *challenge_kind_of(struct ps_bytes factor);

struct challenge_shown {
    struct ps_bytes factor;
    struct ps_bytes format;
    struct ps_bytes text;
};

/*
 * Piece by piece: who it is, then what they show. ret_challenges stays where it is, since `types`
 * points into it. Texts are the caller's. ret_code, Errors: as challenge_read.
 */
PS_MUST_USE enum ps_err challenge_begin(struct ps_bytes individual,
                                        struct challenges *ret_challenges, const char **ret_code);
PS_MUST_USE enum ps_err challenge_add(const struct challenge_shown *shown,
                                      struct challenges *challenges, const char **ret_code);

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

/* To all these channels (words). Errors as above. */
PS_MUST_USE enum ps_err challenge_ask_otp(struct ps_bytes individual, struct ps_bytes channels,
                                          struct otp_request *ret_request, const char **ret_code);

struct privyseal_auth_text challenge_text(struct ps_bytes text);

#endif
