#include "frontends/certify/ldp_vc.h"
#include "frontends/certify/service.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/line.h"

static void refuse(struct exchange *exchange, unsigned status, const char *code,
                   const char *message)
{
    certify_answer_error(exchange->request, status, code, ps_bytes_str(message));
}

/* What was stored or not; of our own mistakes and of the disk only the line tells. */
static void answer_failure(struct exchange *exchange, enum ps_err err)
{
    if (err == PS_E_INPUT) {
        refuse(exchange, 400, "invalid_configuration", ps_detail()->text);
    } else if (err == PS_E_NOT_FOUND) {
        refuse(exchange, 404, "config_not_found_by_id", "there is no such configuration");
    } else if (err == PS_E_CONFLICT) {
        refuse(exchange, 409, "config_exists",
               "there is one of this id, or one of this scope and type");
    } else {
        ps_line(PS_ERROR, "configuration_not_stored",
                PS_TEXT("request", http_request_id(exchange->request)),
                PS_STR("why", ps_detail()->text));
        http_refuse(exchange->request, &(struct http_problem){.problem = ps_problem_of_err(err)});
    }
}

/* What changes the configurations may change the keys that did.json is to tell. */
static void note_change(const struct exchange *exchange, const char *event, struct ps_bytes id)
{
    char caller[CALLER_TEXT_MAX];

    jwks_expire(exchange->service->did_document);
    caller_text(http_request_caller(exchange->request), caller);
    ps_line(PS_INFO, event, PS_TEXT("request", http_request_id(exchange->request)),
            PS_STR("caller", caller), PS_TEXT("configuration", id));
}

static void answer_stored(struct exchange *exchange, unsigned status, const char *event,
                          struct ps_bytes id)
{
    const struct http_answer answer = {.status = status, .media = "application/json"};

    note_change(exchange, event, id);
    ps_buf_printf(http_request_out(exchange->request), "{\"id\":\"%.*s\",\"status\":\"active\"}",
                  PS_BYTES_FMT(id));
    http_answer(exchange->request, &answer);
}

/* A configuration that nobody can be given is refused when it is made. */
static enum ps_err read_body(const struct exchange *exchange, struct ps_bytes id,
                             struct configuration **ret_configuration)
{
    PS_CLEANUP(configuration_release_cleanup) struct configuration *configuration = NULL;
    const enum ps_err err =
        configuration_read(id, http_request_body(exchange->request), &configuration);

    if (err != PS_OK) {
        return err == PS_E_LIMIT ? PS_E_INPUT : err;
    }
    if (certify_provider(exchange->service, configuration->provider) == NULL) {
        return ps_fail(PS_E_INPUT, 0, "member \"dataProvider\": there is no [provider %.64s]",
                       configuration->provider);
    }
    if (configuration->format == CREDENTIAL_LDP_VC) {
        PS_TRY(ldp_vc_check(configuration, exchange->service->contexts));
    }
    *ret_configuration = configuration;
    configuration = NULL;
    return PS_OK;
}

static uint64_t now_s(void)
{
    return ps_clock_real_ns() / PS_NS_PER_S;
}

void configuration_create(struct exchange *exchange, const struct endpoint *endpoint)
{
    struct configuration *configuration = NULL;
    enum ps_err err = read_body(exchange, ps_bytes(NULL, 0), &configuration);

    (void)endpoint;
    if (err == PS_OK) {
        err = configurations_add(exchange->service->configurations, configuration, now_s());
    }
    if (err != PS_OK) {
        configuration_release(configuration);
        answer_failure(exchange, err);
        return;
    }
    answer_stored(exchange, 201, "configuration_created", configuration->id);
}

void configuration_change(struct exchange *exchange, const struct endpoint *endpoint)
{
    const struct ps_bytes id = exchange->found.variable;
    struct configuration *configuration = NULL;
    enum ps_err err = PS_E_NOT_FOUND;

    (void)endpoint;
    if (configurations_find(exchange->service->configurations, id) != NULL) {
        err = read_body(exchange, id, &configuration);
    }
    if (err == PS_OK) {
        err = configurations_replace(exchange->service->configurations, configuration, now_s());
    }
    if (err != PS_OK) {
        configuration_release(configuration);
        answer_failure(exchange, err);
        return;
    }
    answer_stored(exchange, 200, "configuration_changed", id);
}

void configuration_delete(struct exchange *exchange, const struct endpoint *endpoint)
{
    const struct ps_bytes id = exchange->found.variable;
    const enum ps_err err = configurations_remove(exchange->service->configurations, id);

    (void)endpoint;
    if (err != PS_OK) {
        answer_failure(exchange, err);
        return;
    }
    note_change(exchange, "configuration_deleted", id);
    http_answer(exchange->request, &(struct http_answer){.status = 204});
}

void configuration_show(struct exchange *exchange, const struct endpoint *endpoint)
{
    const struct configuration *configuration =
        configurations_find(exchange->service->configurations, exchange->found.variable);

    (void)endpoint;
    if (configuration == NULL) {
        answer_failure(exchange, PS_E_NOT_FOUND);
        return;
    }
    ps_buf_put(http_request_out(exchange->request), ps_buf_bytes(&configuration->text));
    endpoint_answer_json(exchange->request);
}

void configuration_list(struct exchange *exchange, const struct endpoint *endpoint)
{
    struct ps_buf *out = http_request_out(exchange->request);
    const struct configuration *configuration;

    (void)endpoint;
    ps_buf_put_str(out, "{\"configurations\":[");
    for (size_t i = 0;
         (configuration = configurations_at(exchange->service->configurations, i)) != NULL; i++) {
        ps_buf_printf(out, "%s{\"id\":\"%.*s\",\"format\":\"%s\",\"scope\":", i == 0 ? "" : ",",
                      PS_BYTES_FMT(configuration->id),
                      configuration_format_name(configuration, false));
        ps_buf_put_json_string(out, configuration->scope);
        ps_buf_put_u8(out, '}');
    }
    ps_buf_put_str(out, "]}");
    endpoint_answer_json(exchange->request);
}
