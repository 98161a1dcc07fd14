#ifndef FRONTENDS_OIDC_SERVICE_H
#define FRONTENDS_OIDC_SERVICE_H

#include "frontends/oidc/attempts.h"
#include "frontends/oidc/authorize.h"
#include "frontends/oidc/config.h"
#include "frontends/oidc/dpop.h"
#include "frontends/oidc/pages/files.h"
#include "frontends/oidc/places.h"
#include "frontends/plugins/host.h"
#include "frontends/shared/caller.h"
#include "frontends/shared/commits.h"
#include "frontends/shared/endpoint.h"
#include "frontends/shared/jwks.h"
#include "frontends/shared/program.h"
#include "lib/db/db.h"
#include "lib/formats/json/json.h"

/* What all requests of the program share. */
struct service {
    struct oidc_config *config;
    struct db *db;           /* relying parties and consents: what is read of them */
    struct db *written;      /* the same, of the thread that writes it */
    struct commits *commits; /* what changes it */
    struct store *store;
    struct ps_buf acr_text; /* what `acrs` was read from */
    struct acr_map *acrs;
    struct places places;
    struct files files;                  /* of the pages */
    struct authenticator *authenticator; /* NULL: none is configured, and nobody can log in */
    const char *factors;                 /* that it knows, between spaces */
    struct attempts_limits limits;
    struct attempts *attempts;
    struct calls *calls;
    struct dpop_nonces nonces;
    struct json *json;       /* of the request that is being read; nothing of it is kept */
    struct json *readers[2]; /* of what is JSON in that */
    struct ps_timer *sweep;
    struct jwks *jwks;
};

/* service.c */
extern const struct endpoint_table oidc_public;
extern const struct endpoint_table oidc_management;
void oidc_refuse_caller(struct http_request *request, unsigned status, const char *code);

/* clients_admin.c */
void client_create(struct exchange *exchange, const struct endpoint *endpoint);
void client_change(struct exchange *exchange, const struct endpoint *endpoint);

/* par.c, details.c, browser.c */
void par_take(struct exchange *exchange, const struct endpoint *endpoint);
void details_begin(struct exchange *exchange, const struct endpoint *endpoint);
void details_begin_pushed(struct exchange *exchange, const struct endpoint *endpoint);
void csrf_tell(struct exchange *exchange, const struct endpoint *endpoint);

/* By what an authorization request of this client is judged. */
struct authorize_terms service_terms(const struct service *service, const struct client *client,
                                     bool pushed);

#endif
