#ifndef FRONTENDS_CERTIFY_SERVICE_H
#define FRONTENDS_CERTIFY_SERVICE_H

#include "frontends/certify/config.h"
#include "frontends/certify/configurations.h"
#include "frontends/certify/contexts.h"
#include "frontends/certify/issuer_keys.h"
#include "frontends/certify/provider.h"
#include "frontends/certify/token_keys.h"
#include "frontends/certify/wallet_nonces.h"
#include "frontends/shared/caller.h"
#include "frontends/shared/endpoint.h"
#include "frontends/shared/jwks.h"
#include "frontends/shared/program.h"

/* What all requests of the program share. */
struct service {
    struct certify_config *config;
    struct ps_buf did;      /* the issuer's */
    struct ps_buf audience; /* of access tokens */
    struct ps_buf endpoint; /* the URL where credentials are asked for, with a NUL */
    struct configurations *configurations;
    struct jsonld_contexts *contexts;
    struct issuer_keys *issuer_keys;
    struct provider providers[CONFIG_PROVIDERS_MAX];
    size_t provider_count; /* that are open */
    struct json *json;     /* of the request that is being read; nothing of it is kept */
    struct calls *calls;
    struct jwks *jwks;
    struct jwks *did_document;
    struct wallet_nonces *nonces;
    struct token_keys *token_keys;
};

/* service.c */
extern const struct endpoint_table certify_public;
extern const struct endpoint_table certify_management;
void certify_refuse_caller(struct http_request *request, unsigned status, const char *code);

/* NULL: none of that name. */
const struct provider *certify_provider(const struct service *service, const char *name);

/* configurations_admin.c */
void configuration_list(struct exchange *exchange, const struct endpoint *endpoint);
void configuration_show(struct exchange *exchange, const struct endpoint *endpoint);
void configuration_create(struct exchange *exchange, const struct endpoint *endpoint);
void configuration_change(struct exchange *exchange, const struct endpoint *endpoint);
void configuration_delete(struct exchange *exchange, const struct endpoint *endpoint);

/* An error as MOSIP's interfaces have it, with the status that it has in HTTP. */
void certify_answer_error(struct http_request *request, unsigned status, const char *code,
                          struct ps_bytes message);

/* credential.c */
void credential_issue(struct exchange *exchange, const struct endpoint *endpoint);

#endif
