#ifndef FRONTENDS_OIDC_SERVICE_H
#define FRONTENDS_OIDC_SERVICE_H

#include "frontends/oidc/config.h"
#include "frontends/oidc/jwks.h"
#include "lib/db/db.h"
#include "lib/formats/json/json.h"
#include "lib/http/server.h"

/* What all requests of the program share. */
struct service {
    struct ps_loop *loop;
    const struct oidc_config *config;
    struct db *db;
    struct json *json; /* of the request that is being read; nothing of it is kept */
    struct jwks *jwks;
    unsigned draining; /* servers that are not empty yet */
};

/* One request: lives in http_request_extra. */
struct exchange {
    struct service *service;
    struct http_request *request;
    const struct endpoint *endpoint; /* NULL: refused */
    struct ps_bytes variable;        /* "{id}" of the path */
    struct jwks_wait wait;
};

struct endpoint {
    const char *path; /* "{id}" is one segment, only at the end */
    enum http_method method;
    void (*handle)(struct exchange *exchange, const struct endpoint *endpoint);
    size_t body_max; /* 0: takes no body */
    unsigned shape;  /* of client management: enum client_shape */
};

extern const struct http_handler public_handler;
extern const struct http_handler management_handler;

/* clients_admin.c */
void client_create(struct exchange *exchange, const struct endpoint *endpoint);
void client_change(struct exchange *exchange, const struct endpoint *endpoint);

/* 200 with the JSON in http_request_out. */
void service_answer_json(struct exchange *exchange);

/* "uid 1000" or "pin ...", for lines. */
#define CALLER_TEXT_MAX 64u
void caller_text(const struct http_caller *caller, char ret_text[CALLER_TEXT_MAX]);

/* Whether the configuration lets this caller manage relying parties. */
bool caller_is_administrator(const struct settings_administrators *administrators,
                             const struct http_caller *caller);

#endif
