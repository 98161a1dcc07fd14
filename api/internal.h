#ifndef API_INTERNAL_H
#define API_INTERNAL_H

#include "api/keeper.h"
#include "api/routes.h"
#include "lib/base/name.h"
#include "lib/formats/json/json.h"
#include "lib/formats/pdf/update.h"
#include "lib/http/server.h"
#include "lib/ipc/messages_supervisor.h"

#define API_SERVERS_MAX 8u

struct metrics;
struct sign_verb;

/* The process. */
struct api {
    struct ps_loop *loop;
    const struct msg_api_config *config;
    unsigned listener; /* LISTENS_CLIENTS or LISTENS_MANAGEMENT */
    struct channel *supervisor;
    struct keeper *keeper;
    struct metrics *metrics;
    struct http_tls *tls;
    struct {
        struct http_listener listener;
        struct http_server *server; /* NULL before the start */
    } servers[API_SERVERS_MAX];
    size_t server_count;
    size_t drained;
    struct json *body_json; /* of the request that is being read; nothing of it is kept */
    struct json *other_json;
    struct ps_timer *stop_timer;
    bool started;
    bool stopping;
    int exit_code;
};

/* What of a signing item is needed to write its result. */
struct sign_item {
    struct ps_bytes payload; /* in the request's body; jws, cose: its base64url text */
    uint8_t serialization;   /* jws: enum jws_serialization; cose: which tags, and detached */
    uint8_t encoding;        /* data-integrity: enum proof_encoding */
    bool unencoded;
    bool done;
    uint32_t result; /* where it stands in `results` */
    uint32_t result_len;
};

/* Signing, of one item or a batch. */
struct sign_work {
    const struct sign_verb *verb;
    bool is_batch;
    uint32_t count;
    uint32_t left; /* items without a result */
    struct sign_item one;
    struct sign_item *items; /* &one, or an array of the heap */
    struct ps_buf results;   /* of a batch, in the order in which they came */
};

/* One request, while the api works on it: lives in http_request_extra. */
struct exchange {
    struct api *api;
    struct http_request *request;
    struct route_match match; /* match.route is the route; NULL: refused */
    struct exchange *next;    /* in flight, soonest deadline first */
    struct exchange *previous;
    uint64_t deadline_ns;
    uint32_t calls_left;
    uint32_t first_call;
    struct sign_work sign;
    struct ps_bytes pdf_key; /* pdf: in the request's target */
    struct pdf_slot pdf;     /* where its signature goes */
};

/* exchange.c */
extern const struct http_handler exchange_handler;

/* Answers with the problem; `detail` may be NULL. */
void exchange_refuse(struct exchange *exchange, enum ps_problem problem, const char *detail);
/* Answers with the problem of an error, whose text is in ps_detail(). */
void exchange_refuse_err(struct exchange *exchange, enum ps_err err);
/* Answers with what the keeper said. */
void exchange_refuse_message(struct exchange *exchange, const struct msg_problem *problem);
/* 200 with the JSON in http_request_out. */
void exchange_answer_json(struct exchange *exchange);

/* Parses the body with api->body_json. Errors: PS_E_INPUT, PS_E_LIMIT; not answered yet. */
PS_MUST_USE enum ps_err exchange_read_json(struct exchange *exchange, struct json_value *ret_body);

/* The caller as it travels to the keeper; borrows from the request. */
struct msg_caller exchange_caller(const struct exchange *exchange);

/* "type/subtype", with parameters behind it or without. */
bool exchange_is_media(struct ps_bytes value, const char *media);

/* A path variable by its place, empty when there is none. */
struct ps_bytes exchange_variable(const struct exchange *exchange, size_t number);

/*
 * A number of the query: digits without leading zeros, `least` to `most`. Leaves *ret_number as it
 * is when absent. Errors: PS_E_INPUT.
 */
PS_MUST_USE enum ps_err exchange_query_number(const struct exchange *exchange, const char *name,
                                              uint64_t least, uint64_t most, uint64_t *ret_number);
PS_MUST_USE enum ps_err parse_number(struct ps_bytes text, uint64_t most, uint64_t *ret_number);

/* Sends the only call of this exchange. */
void exchange_ask(struct exchange *exchange, const struct ipc_message *ask, const void *message,
                  const struct ipc_message *expect, keeper_answer_fn *fn);

/* log.c: "tree/shard" of a route with both, in `text`. */
struct ps_bytes log_tree_name(const struct exchange *exchange, char text[PS_NAME_MAX + 1]);

/* document.c: answers with a document of the keeper, or with its refusal. */
void document_answer(struct exchange *exchange, uint32_t item, const struct ipc_message *info,
                     const void *message);

#endif
