#include "frontends/shared/endpoint.h"

#include "frontends/shared/caller.h"
#include "lib/base/line.h"

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

/* Returns whether there is such a path at all. */
static bool find(const struct endpoint_table *table, const struct http_request *request,
                 struct endpoint_found *found)
{
    enum http_method method = http_request_method(request);
    bool has_path = false;

    method = method == HTTP_HEAD ? HTTP_GET : method;
    for (size_t i = 0; i < table->count; i++) {
        if (!path_fits(table->rows[i].path, http_request_target(request), &found->variable)) {
            continue;
        }
        has_path = true;
        if (table->rows[i].method == method) {
            found->endpoint = &table->rows[i];
        }
    }
    return has_path;
}

static void refuse(struct http_request *request, enum ps_problem problem)
{
    http_refuse(request, &(struct http_problem){.problem = problem});
}

void endpoint_find(const struct endpoint_table *table, struct http_request *request,
                   struct endpoint_found *ret_found)
{
    struct endpoint_found found = {.endpoint = NULL};
    const bool has_path = find(table, request, &found);

    *ret_found = found;
    if (!has_path) {
        refuse(request, PS_PROBLEM_NOT_FOUND);
    } else if (found.endpoint == NULL) {
        refuse(request, PS_PROBLEM_METHOD_NOT_ALLOWED);
    } else if (found.endpoint->body_max != 0) {
        http_request_allow_body(request, found.endpoint->body_max);
    }
}

void endpoint_log(struct http_request *request, const struct endpoint_found *found, unsigned status)
{
    char caller[CALLER_TEXT_MAX];

    caller_text(http_request_caller(request), caller);
    ps_line(status < 400 ? PS_DEBUG : PS_INFO, "request",
            PS_TEXT("request", http_request_id(request)), PS_STR("caller", caller),
            PS_STR("method", http_method_name(http_request_method(request))),
            PS_STR("route", found->endpoint == NULL ? "none" : found->endpoint->path),
            PS_TEXT("name", found->variable), PS_NUM("status", status),
            PS_NUM("micros", http_request_elapsed_us(request)));
}

void endpoint_answer_json(struct http_request *request)
{
    const struct http_answer answer = {.status = 200, .media = "application/json"};

    http_answer(request, &answer);
}

void endpoint_serve_live(struct exchange *exchange, const struct endpoint *endpoint)
{
    (void)endpoint;
    ps_buf_put_str(http_request_out(exchange->request), "{\"status\":\"live\"}");
    endpoint_answer_json(exchange->request);
}
