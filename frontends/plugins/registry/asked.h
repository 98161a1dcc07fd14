#ifndef FRONTENDS_PLUGINS_REGISTRY_ASKED_H
#define FRONTENDS_PLUGINS_REGISTRY_ASKED_H

#include "frontends/plugins/privyseal_auth_call.h"
#include "lib/base/bytes.h"

/* A request with all that it points to, for another thread. */
struct asked {
    struct privyseal_auth_request request;
    struct privyseal_auth_challenge challenges[PRIVYSEAL_AUTH_CHALLENGES];
    struct privyseal_auth_text items[3 * PRIVYSEAL_AUTH_LIST_MAX]; /* channels, claims, locales */
    size_t len;
    uint8_t memory[];
};

/* NULL without memory. The request is within the limits of the interface. */
struct asked *asked_new(const struct privyseal_auth_request *request);

/* Wipes it: there are secrets in it. */
void asked_free(struct asked *asked);

#endif
