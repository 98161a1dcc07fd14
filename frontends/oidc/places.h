#ifndef FRONTENDS_OIDC_PLACES_H
#define FRONTENDS_OIDC_PLACES_H

/* Where the program is reached from outside, as its configuration says: never as a request does. */

#define PLACES_BASE "/v1/esignet"
#define PLACE_MAX   512u

struct places {
    const char *url; /* "https://HOST[:PORT]" */
    char issuer[PLACE_MAX];
    char token[PLACE_MAX]; /* the token endpoint */
};

/* url, issuer: at most 300 characters, and stay valid; issuer "": the usual one */
void places_init(struct places *places, const char *url, const char *issuer);

/* The whole of a path's URL. */
void places_put(const struct places *places, const char *path, char ret_url[PLACE_MAX]);

#endif
