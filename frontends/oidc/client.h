#ifndef FRONTENDS_OIDC_CLIENT_H
#define FRONTENDS_OIDC_CLIENT_H

#include "lib/base/buf.h"
#include "lib/formats/json/json.h"

/*
 * A relying party as it was registered. Each member is a text as the database keeps it: what is a
 * list or an object is its RFC 8785 form.
 */
enum client_field {
    CLIENT_NAME,
    CLIENT_NAMES, /* {"eng": ...}: the same in other languages */
    CLIENT_RELYING_PARTY,
    CLIENT_LOGO_URI,
    CLIENT_REDIRECT_URIS,
    CLIENT_CLAIMS,
    CLIENT_ACR_VALUES,
    CLIENT_PUBLIC_KEY,     /* JWK, that its assertions are verified with */
    CLIENT_PUBLIC_KEY_ID,  /* its thumbprint, RFC 7638: one client per key */
    CLIENT_ENCRYPTION_KEY, /* JWK, that its userinfo is encrypted to; or "" */
    CLIENT_GRANT_TYPES,
    CLIENT_AUTH_METHODS,
    CLIENT_STATUS, /* "ACTIVE" or "INACTIVE" */
    CLIENT_ADDITIONAL_CONFIG,
    CLIENT_FIELDS
};

#define CLIENT_ID_MAX   100u
#define CLIENT_TEXT_MAX 32768u

struct client {
    struct ps_buf id;
    struct ps_buf fields[CLIENT_FIELDS];
};
void client_init(struct client *client);
void client_clear(struct client *client);
#define CLIENT_AUTO PS_CLEANUP(client_clear) struct client

/* In which of eSignet's requests a member stands. */
enum client_shape {
    SHAPE_CREATE = 1,
    SHAPE_UPDATE = 2,
    SHAPE_PATCH = 4,
    SHAPE_NAMES = 8,   /* with clientNameLangMap */
    SHAPE_CONFIG = 16, /* with additionalConfig */
};

/* What is wrong with a request, one per member, as eSignet names it. */
#define CLIENT_MISTAKES_MAX 20u
struct client_mistakes {
    struct {
        const char *member;
        const char *code;
    } of[CLIENT_MISTAKES_MAX];
    size_t count;
};

/*
 * Reads the members that the shape has into `client`; what it has not stays as it was, and so does
 * what is absent from a SHAPE_PATCH. Members that are not known are passed over, as eSignet does.
 *
 * shape:  of enum client_shape
 * claims: those that may be registered, between spaces
 * Errors: PS_E_INPUT: ret_mistakes has at least one; PS_E_LIMIT, PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err client_read(struct json_value request, unsigned shape,
                                    struct ps_bytes claims, struct client *client,
                                    struct client_mistakes *ret_mistakes);

/* What a client id may be: whatever stands in a path as it is, 1 to CLIENT_ID_MAX characters. */
bool client_id_valid(struct ps_bytes id);

/* What additionalConfig has that the program goes by. */
struct client_terms {
    bool encrypted_userinfo;
    bool pushed_requests;     /* no others */
    bool dpop;                /* no other tokens */
    bool pkce;                /* no code without it */
    uint64_t consent_minutes; /* 0: for ever */
};

/* additionalConfig by its closed schema. Errors: PS_E_INPUT. */
PS_MUST_USE enum ps_err client_read_terms(struct json_value value, struct client_terms *ret_terms);

/* The same of a client as it is stored. Errors: PS_E_INTERNAL: its row is damaged. */
PS_MUST_USE enum ps_err client_terms_of(const struct client *client, struct json *reader,
                                        struct client_terms *ret_terms);

/*
 * Exact, without wildcards: https, http to the own machine, or a private-use scheme (RFC 8252
 * section 7); no fragment, no user, no control character.
 */
bool client_redirect_uri_valid(struct ps_bytes uri);

#endif
