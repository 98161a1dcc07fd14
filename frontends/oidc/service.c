#include "frontends/oidc/service.h"

#include "frontends/oidc/envelope.h"
#include "lib/base/clock.h"
#include "lib/base/line.h"

#define BASE "/v1/esignet"

static void serve_jwks(struct exchange *exchange, const struct endpoint *endpoint)
{
    (void)endpoint;
    jwks_answer(exchange->service->jwks, exchange->request, &exchange->wait);
}

static void serve_live(struct exchange *exchange, const struct endpoint *endpoint)
{
    (void)endpoint;
    ps_buf_put_str(http_request_out(exchange->request), "{\"status\":\"live\"}");
    service_answer_json(exchange);
}

static const struct endpoint public_endpoints[] = {
    {BASE "/oauth/.well-known/jwks.json", HTTP_GET, serve_jwks, 0, 0},
    {"/.well-known/jwks.json", HTTP_GET, serve_jwks, 0, 0},
    {"/health/live", HTTP_GET, serve_live, 0, 0},
};

#define ALL_OF(method_shape) ((method_shape) | SHAPE_NAMES | SHAPE_CONFIG)

static const struct endpoint management_endpoints[] = {
    {BASE "/client-mgmt/oidc-client", HTTP_POST, client_create, ENVELOPE_MAX, SHAPE_CREATE},
    {BASE "/client-mgmt/oidc-client/{id}", HTTP_PUT, client_change, ENVELOPE_MAX, SHAPE_UPDATE},
    {BASE "/client-mgmt/oauth-client", HTTP_POST, client_create, ENVELOPE_MAX,
     SHAPE_CREATE | SHAPE_NAMES},
    {BASE "/client-mgmt/oauth-client/{id}", HTTP_PUT, client_change, ENVELOPE_MAX,
     SHAPE_UPDATE | SHAPE_NAMES},
    {BASE "/client-mgmt/client", HTTP_POST, client_create, ENVELOPE_MAX, ALL_OF(SHAPE_CREATE)},
    {BASE "/client-mgmt/client/{id}", HTTP_PUT, client_change, ENVELOPE_MAX, ALL_OF(SHAPE_UPDATE)},
    {BASE "/client-mgmt/client/{id}", HTTP_PATCH, client_change, ENVELOPE_MAX, ALL_OF(SHAPE_PATCH)},
    {"/health/live", HTTP_GET, serve_live, 0, 0},
};

void service_answer_json(struct exchange *exchange)
{
    const struct http_answer answer = {.status = 200, .media = "application/json"};

    http_answer(exchange->request, &answer);
}

/* With a variable at its end, the path up to that has to be the same, and one segment follows. */
static bool path_fits(const char *path, const struct http_target *target,
                      struct ps_bytes *ret_variable)
{
    const size_t len = strcspn(path, "{");
    const struct ps_bytes fixed = ps_bytes(path, len);
    const struct ps_bytes rest = ps_bytes_from(target->path, len);

    if (path[len] == '\0') {
        return ps_bytes_equal(target->path, fixed);
    }
    if (!ps_bytes_starts_with(target->path, fixed) || rest.len == 0 ||
        memchr(rest.data, '/', rest.len) != NULL) {
        return false;
    }
    *ret_variable = rest;
    return true;
}

/* HEAD finds what GET does. Returns whether there is such a path at all. */
static bool find(const struct endpoint *endpoints, size_t count, struct exchange *exchange)
{
    enum http_method method = http_request_method(exchange->request);
    bool found = false;

    method = method == HTTP_HEAD ? HTTP_GET : method;
    for (size_t i = 0; i < count; i++) {
        if (!path_fits(endpoints[i].path, http_request_target(exchange->request),
                       &exchange->variable)) {
            continue;
        }
        found = true;
        if (endpoints[i].method == method) {
            exchange->endpoint = &endpoints[i];
        }
    }
    return found;
}

static void refuse(struct exchange *exchange, enum ps_problem problem)
{
    http_refuse(exchange->request, &(struct http_problem){.problem = problem});
}

static void begin(void *context, struct http_request *request, const struct endpoint *endpoints,
                  size_t count)
{
    struct exchange *exchange = http_request_extra(request);

    exchange->service = context;
    exchange->request = request;
    if (!find(endpoints, count, exchange)) {
        refuse(exchange, PS_PROBLEM_NOT_FOUND);
    } else if (exchange->endpoint == NULL) {
        refuse(exchange, PS_PROBLEM_METHOD_NOT_ALLOWED);
    } else if (exchange->endpoint->body_max != 0) {
        http_request_allow_body(request, exchange->endpoint->body_max);
    }
}

static void on_public_head(void *context, struct http_request *request)
{
    begin(context, request, public_endpoints, PS_COUNT_OF(public_endpoints));
}

static void refuse_caller(struct http_request *request, unsigned status, const char *code)
{
    const struct http_answer answer = {.status = status, .media = "application/json"};

    envelope_put_error(code, ps_clock_real_ns(), http_request_out(request));
    http_answer(request, &answer);
}

/* Who calls comes first: nobody else learns what there is. */
static void on_management_head(void *context, struct http_request *request)
{
    const struct service *service = context;
    const struct http_caller *caller = http_request_caller(request);

    if (caller->kind == HTTP_CALLER_NOBODY) {
        refuse_caller(request, 401, "UNAUTHORIZED");
    } else if (!caller_is_administrator(&service->config->administrators, caller)) {
        refuse_caller(request, 403, "FORBIDDEN");
    } else {
        begin(context, request, management_endpoints, PS_COUNT_OF(management_endpoints));
    }
}

static void on_request(void *context, struct http_request *request)
{
    struct exchange *exchange = http_request_extra(request);

    (void)context;
    exchange->endpoint->handle(exchange, exchange->endpoint);
}

static void on_answer(void *context, struct http_request *request, unsigned status)
{
    const struct exchange *exchange = http_request_extra(request);
    char caller[CALLER_TEXT_MAX];

    (void)context;
    caller_text(http_request_caller(request), caller);
    ps_line(status < 400 ? PS_DEBUG : PS_INFO, "request",
            PS_TEXT("request", http_request_id(request)), PS_STR("caller", caller),
            PS_STR("method", http_method_name(http_request_method(request))),
            PS_STR("route", exchange->endpoint == NULL ? "none" : exchange->endpoint->path),
            PS_TEXT("name", exchange->variable), PS_NUM("status", status),
            PS_NUM("micros", http_request_elapsed_us(request)));
}

static void on_drained(void *context, struct http_server *server)
{
    struct service *service = context;

    (void)server;
    if (--service->draining == 0) {
        ps_loop_stop(service->loop);
    }
}

const struct http_handler public_handler = {
    .on_head = on_public_head,
    .on_request = on_request,
    .on_answer = on_answer,
    .on_drained = on_drained,
    .extra = sizeof(struct exchange),
};

const struct http_handler management_handler = {
    .on_head = on_management_head,
    .on_request = on_request,
    .on_answer = on_answer,
    .on_drained = on_drained,
    .extra = sizeof(struct exchange),
};
