#include "frontends/oidc/clients.h"
#include "frontends/oidc/envelope.h"
#include "frontends/oidc/service.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/line.h"

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

void client_create(struct exchange *exchange, const struct endpoint *endpoint)
{
    CLIENT_AUTO client;
    bool same_id = false;
    enum ps_err err;

    client_init(&client);
    put_defaults(&client);
    if (!read_request(exchange, endpoint->shape, &client)) {
        return;
    }
    err = clients_add(exchange->service->db, &client, ps_clock_real_ns() / PS_NS_PER_S, &same_id);
    if (err == PS_OK) {
        answer_client(exchange, &client, "client_created");
    } else if (err == PS_E_CONFLICT) {
        answer_error(exchange, same_id ? "duplicate_client_id" : "duplicate_public_key");
    } else {
        answer_failure(exchange, err);
    }
}

void client_change(struct exchange *exchange, const struct endpoint *endpoint)
{
    struct service *service = exchange->service;
    CLIENT_AUTO client;
    enum ps_err err;

    client_init(&client);
    err = client_id_valid(exchange->found.variable)
              ? clients_get(service->db, exchange->found.variable, &client)
              : PS_E_NOT_FOUND;
    if (err == PS_E_NOT_FOUND) {
        answer_error(exchange, "invalid_client_id");
        return;
    }
    if (err != PS_OK) {
        answer_failure(exchange, err);
        return;
    }
    if (!read_request(exchange, endpoint->shape, &client)) {
        return;
    }
    err = clients_set(service->db, &client, ps_clock_real_ns() / PS_NS_PER_S);
    if (err == PS_OK) {
        answer_client(exchange, &client, "client_changed");
    } else {
        answer_failure(exchange, err);
    }
}
