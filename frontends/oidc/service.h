#ifndef FRONTENDS_OIDC_SERVICE_H
#define FRONTENDS_OIDC_SERVICE_H

#include "frontends/oidc/config.h"
#include "frontends/shared/caller.h"
#include "frontends/shared/endpoint.h"
#include "frontends/shared/jwks.h"
#include "frontends/shared/program.h"
#include "lib/db/db.h"
#include "lib/formats/json/json.h"

/* What all requests of the program share. */
struct service {
    struct oidc_config *config;
    struct db *db;
    struct json *json; /* of the request that is being read; nothing of it is kept */
    struct jwks *jwks;
};

/* service.c */
extern const struct endpoint_table oidc_public;
extern const struct endpoint_table oidc_management;
void oidc_refuse_caller(struct http_request *request, unsigned status, const char *code);

/* clients_admin.c */
void client_create(struct exchange *exchange, const struct endpoint *endpoint);
void client_change(struct exchange *exchange, const struct endpoint *endpoint);

#endif
