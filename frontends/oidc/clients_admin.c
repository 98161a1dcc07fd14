#include "frontends/oidc/clients.h"
#include "frontends/oidc/envelope.h"
#include "frontends/oidc/service.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/line.h"

#include <stdlib.h>

/* A client that is being written. */
struct writing {
    struct change change; /* first: a change is its writing */
    struct exchange *exchange;
    const struct endpoint *endpoint;
    struct client client;
    struct client before; /* what it was made of */
    bool same_id;
    bool is_stale; /* somebody else has changed it since */
};

static void writing_free(struct writing *writing)
{
    if (writing != NULL) {
        client_clear(&writing->client);
        client_clear(&writing->before);
        free(writing);
    }
}
PS_DEFINE_CLEANUP(struct writing, writing_free)

static struct writing *writing_new(struct exchange *exchange, const struct endpoint *endpoint)
{
    struct writing *writing = calloc(1, sizeof *writing);

    if (writing != NULL) {
        writing->exchange = exchange;
        writing->endpoint = endpoint;
        client_init(&writing->client);
        client_init(&writing->before);
    }
    return writing;
}

/* eSignet answers 200 to what it refuses; the code is in the envelope. */
static void answer_error(struct exchange *exchange, const char *code)
{
    envelope_put_error(code, ps_clock_real_ns(), http_request_out(exchange->request));
    endpoint_answer_json(exchange->request);
}

/* Of our own mistakes and of the disk only the line tells. */
static void answer_failure(struct exchange *exchange, enum ps_err err)
{
    ps_line(PS_ERROR, "client_not_stored", PS_TEXT("request", http_request_id(exchange->request)),
            PS_STR("why", ps_detail()->text));
    http_refuse(exchange->request, &(struct http_problem){.problem = ps_problem_of_err(err)});
}

static void answer_client(struct exchange *exchange, const struct client *client, const char *event)
{
    const struct ps_bytes id = ps_buf_bytes(&client->id);
    const struct ps_bytes status = ps_buf_bytes(&client->fields[CLIENT_STATUS]);
    char caller[CALLER_TEXT_MAX];
    PS_BUF_AUTO response = {.max = 2048};

    caller_text(http_request_caller(exchange->request), caller);
    ps_line(PS_INFO, event, PS_TEXT("request", http_request_id(exchange->request)),
            PS_STR("caller", caller), PS_TEXT("client", id), PS_TEXT("status", status));
    ps_buf_put_str(&response, "{\"clientId\":");
    ps_buf_put_json_string(&response, id);
    ps_buf_put_str(&response, ",\"status\":");
    ps_buf_put_json_string(&response, status);
    ps_buf_put_str(&response, "}");
    envelope_put_response(ps_buf_bytes(&response), ps_clock_real_ns(),
                          http_request_out(exchange->request));
    endpoint_answer_json(exchange->request);
}

/* Reads the request into the client, or answers: false. */
static bool read_request(struct exchange *exchange, unsigned shape, struct client *client)
{
    struct service *service = exchange->service;
    const uint64_t now_ns = ps_clock_real_ns();
    struct client_mistakes mistakes = {.count = 0};
    struct json_value request;
    enum ps_err err =
        envelope_open(service->json, http_request_body(exchange->request), now_ns, &request);

    if (err == PS_E_INPUT || err == PS_E_LIMIT) {
        answer_error(exchange, "invalid_request");
        return false;
    }
    if (err == PS_OK) {
        err = client_read(request, shape, ps_bytes_str(service->config->oidc.claims), client,
                          &mistakes);
    }
    if (err == PS_E_INPUT) {
        envelope_put_mistakes(&mistakes, now_ns, http_request_out(exchange->request));
        endpoint_answer_json(exchange->request);
        return false;
    }
    if (err != PS_OK) {
        answer_failure(exchange, err);
        return false;
    }
    return true;
}

static void put_defaults(struct client *client)
{
    ps_buf_put_str(&client->fields[CLIENT_NAMES], "{}");
    ps_buf_put_str(&client->fields[CLIENT_ADDITIONAL_CONFIG], "{}");
    ps_buf_put_str(&client->fields[CLIENT_STATUS], "ACTIVE");
}

/* Hands it over, or tells why not. */
static void begin_writing(struct exchange *exchange, struct writing **writing)
{
    const enum ps_err err = commits_make(exchange->service->commits, &(*writing)->change);

    if (err == PS_OK) {
        *writing = NULL;
    } else {
        answer_failure(exchange, err);
    }
}

static enum ps_err add(struct change *change, struct db *db)
{
    struct writing *writing = (struct writing *)(void *)change;

    return clients_add(db, &writing->client, ps_clock_real_ns() / PS_NS_PER_S, &writing->same_id);
}

static void on_added(struct change *change, enum ps_err err)
{
    PS_CLEANUP(writing_free_cleanup) struct writing *writing = (struct writing *)(void *)change;

    if (err == PS_OK) {
        answer_client(writing->exchange, &writing->client, "client_created");
    } else if (err == PS_E_CONFLICT) {
        answer_error(writing->exchange,
                     writing->same_id ? "duplicate_client_id" : "duplicate_public_key");
    } else {
        answer_failure(writing->exchange, err);
    }
}

void client_create(struct exchange *exchange, const struct endpoint *endpoint)
{
    PS_CLEANUP(writing_free_cleanup) struct writing *writing = writing_new(exchange, endpoint);

    if (writing == NULL) {
        answer_failure(exchange, ps_fail(PS_E_NO_MEMORY, 0, "out of memory"));
        return;
    }
    put_defaults(&writing->client);
    if (read_request(exchange, endpoint->shape, &writing->client)) {
        writing->change = (struct change){.apply = add, .done = on_added};
        begin_writing(exchange, &writing);
    }
}

static bool is_same(const struct client *one, const struct client *other)
{
    for (size_t i = 0; i < CLIENT_FIELDS; i++) {
        if (!ps_bytes_equal(ps_buf_bytes(&one->fields[i]), ps_buf_bytes(&other->fields[i]))) {
            return false;
        }
    }
    return true;
}

static enum ps_err set(struct change *change, struct db *db)
{
    struct writing *writing = (struct writing *)(void *)change;
    CLIENT_AUTO now;

    client_init(&now);
    PS_TRY(clients_get(db, ps_buf_bytes(&writing->client.id), &now));
    writing->is_stale = !is_same(&now, &writing->before);
    if (writing->is_stale) {
        return ps_fail(PS_E_CONFLICT, 0, "it was changed meanwhile");
    }
    return clients_set(db, &writing->client, ps_clock_real_ns() / PS_NS_PER_S);
}

static void on_set(struct change *change, enum ps_err err)
{
    PS_CLEANUP(writing_free_cleanup) struct writing *writing = (struct writing *)(void *)change;

    if (err == PS_OK) {
        answer_client(writing->exchange, &writing->client, "client_changed");
    } else if (writing->is_stale) {
        client_change(writing->exchange, writing->endpoint);
    } else {
        answer_failure(writing->exchange, err);
    }
}

static enum ps_err find(struct writing *writing)
{
    const struct ps_bytes id = writing->exchange->found.variable;
    struct db *db = writing->exchange->service->db;

    if (!client_id_valid(id)) {
        return PS_E_NOT_FOUND;
    }
    PS_TRY(clients_get(db, id, &writing->before));
    return clients_get(db, id, &writing->client);
}

void client_change(struct exchange *exchange, const struct endpoint *endpoint)
{
    PS_CLEANUP(writing_free_cleanup) struct writing *writing = writing_new(exchange, endpoint);
    enum ps_err err;

    if (writing == NULL) {
        answer_failure(exchange, ps_fail(PS_E_NO_MEMORY, 0, "out of memory"));
        return;
    }
    err = find(writing);
    if (err == PS_E_NOT_FOUND) {
        answer_error(exchange, "invalid_client_id");
    } else if (err != PS_OK) {
        answer_failure(exchange, err);
    } else if (read_request(exchange, endpoint->shape, &writing->client)) {
        writing->change = (struct change){.apply = set, .done = on_set};
        begin_writing(exchange, &writing);
    }
}
