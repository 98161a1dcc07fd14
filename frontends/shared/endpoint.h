#ifndef FRONTENDS_SHARED_ENDPOINT_H
#define FRONTENDS_SHARED_ENDPOINT_H

#include "frontends/shared/jwks.h"
#include "lib/http/server.h"

#include <stddef.h>

/* What all requests of a program share: its own struct of this name. */
struct service;
struct endpoint;

struct endpoint_found {
    const struct endpoint *endpoint; /* NULL: refused */
    struct ps_bytes variable;        /* "{id}" of the path */
};

/* One request: lives in http_request_extra. */
struct exchange {
    struct service *service;
    struct http_request *request;
    struct endpoint_found found;
    struct jwks_wait wait;
    max_align_t own[]; /* as much as the program asked for, zero at first */
};

/* What a listener answers: a row of its table. */
struct endpoint {
    const char *path; /* "{id}" is one segment, only at the end */
    enum http_method method;
    void (*handle)(struct exchange *exchange, const struct endpoint *endpoint);
    size_t body_max; /* 0: takes no body */
    unsigned shape;  /* the program's own */
};

struct endpoint_table {
    const struct endpoint *rows;
    size_t count;
};

/*
 * For on_head: finds the row and lets its body in, or refuses the request. HEAD finds what GET
 * does.
 */
void endpoint_find(const struct endpoint_table *table, struct http_request *request,
                   struct endpoint_found *ret_found);

/* For on_answer: the line of a request. */
void endpoint_log(struct http_request *request, const struct endpoint_found *found,
                  unsigned status);

/* 200 with the JSON in http_request_out. */
void endpoint_answer_json(struct http_request *request);

/* Rows that companions have besides: whether it is live. */
void endpoint_serve_live(struct exchange *exchange, const struct endpoint *endpoint);

#endif
