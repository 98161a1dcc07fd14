#include "frontends/oidc/places.h"

#include <stdio.h>

void places_put(const struct places *places, const char *path, char ret_url[PLACE_MAX])
{
    (void)snprintf(ret_url, PLACE_MAX, "%s%s", places->url, path);
}

void places_init(struct places *places, const char *url, const char *issuer)
{
    places->url = url;
    if (issuer[0] != '\0') {
        (void)snprintf(places->issuer, sizeof places->issuer, "%s", issuer);
    } else {
        places_put(places, PLACES_BASE, places->issuer);
    }
    places_put(places, PLACES_BASE "/oauth/v2/token", places->token);
}
