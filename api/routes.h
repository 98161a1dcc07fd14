#ifndef API_ROUTES_H
#define API_ROUTES_H

#include "lib/http/request.h"
#include "lib/ipc/messages_keeper.h"

struct exchange;
struct body_schema;

/* Which api process serves a route. */
enum { LISTENS_CLIENTS = 1, LISTENS_MANAGEMENT = 2, LISTENS_BOTH = 3 };

/* States of the appliance, as bits of enum appliance_state. */
enum {
    STATES_ANY = 0x3f,
    STATES_EMPTY = 1u << APPLIANCE_UNINITIALISED,
    STATES_USE = 1u << APPLIANCE_OPERATIONAL | 1u << APPLIANCE_DEGRADED,
    /*
     * A failed appliance may be mended by a change; the keeper says which ones it still takes.
     * MAKE: changes in the token, which a locked appliance has no PIN for.
     */
    STATES_MAKE = STATES_USE | 1u << APPLIANCE_FAILED,
    STATES_CHANGE = STATES_MAKE | 1u << APPLIANCE_LOCKED,
    STATES_READ = STATES_CHANGE,
    STATES_LOOK = STATES_READ | STATES_EMPTY
};

#define ROUTE_VARIABLES_MAX 3u

/* A row of routes.def. */
struct route {
    const char *id;     /* operationId of openapi.yaml */
    const char *path;   /* "{name}" is one segment, "{rest...}" at the end is one or more */
    const char *serves; /* "public", "registered", or the operation that must be granted */
    const char *query;  /* names of the parameters it knows, between spaces */
    const char *media;  /* of its body; NULL: application/json */
    const char *change; /* type of the operation it makes; NULL: none */
    const struct body_schema *schema; /* of a change's parameters */
    void (*handle)(struct exchange *exchange);
    size_t body_max; /* 0: takes no body */
    unsigned listeners;
    unsigned states;
    enum http_method method;
    enum read_resource resource; /* of what is read from the keeper */
    uint32_t deadline_ms;        /* for the keeper's answer */
};

extern const struct route routes[];
extern const size_t route_count;

struct route_match {
    const struct route *route; /* NULL: none of this method */
    struct ps_bytes variables[ROUTE_VARIABLES_MAX];
    size_t variable_count;
    size_t rest;      /* number of the first segment of "{rest...}" */
    unsigned methods; /* that this path takes: 0: there is no such path */
};

/* HEAD finds what GET does. */
void route_find(unsigned listener, enum http_method method, const struct http_target *target,
                struct route_match *ret_match);

/* True for "public" and "registered": what no grant has to cover. */
bool route_is_public(const struct route *route);

/* Appends "GET, HEAD, POST" for the header Allow. */
void route_put_methods(unsigned methods, struct ps_buf *out);

#endif
