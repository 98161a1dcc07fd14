#include "frontends/oidc/envelope.h"

#include "lib/base/clock.h"

/* "2026-01-02T03:04:05.678Z" */
#define TIME_LEN 24u

static enum ps_err check_time(struct json_value root, uint64_t now_ns)
{
    const uint64_t leeway_ns = ENVELOPE_LEEWAY_S * PS_NS_PER_S;
    struct json_value value;
    struct ps_bytes text;
    uint64_t then_ns;

    if (!json_member(root, "requestTime", &value) || json_string(value, &text) != PS_OK ||
        text.len != TIME_LEN || ps_time_parse(text, &then_ns) != PS_OK) {
        return ps_fail(PS_E_INPUT, 0, "requestTime is no time with three digits of its second");
    }
    if (then_ns + leeway_ns < now_ns || then_ns > now_ns + leeway_ns) {
        return ps_fail(PS_E_INPUT, 0, "requestTime is over two minutes from now");
    }
    return PS_OK;
}

enum ps_err envelope_open(struct json *json, struct ps_bytes body, uint64_t now_ns,
                          struct json_value *ret_request)
{
    const struct json_limits limits = {ENVELOPE_CHALLENGE_MAX, 8, 1000, false};
    struct json_value root;
    struct json_value request;

    PS_TRY(json_parse(json, body, &limits, &root));
    if (json_type(root) != JSON_OBJECT) {
        return ps_fail(PS_E_INPUT, 0, "the body is no object");
    }
    PS_TRY(check_time(root, now_ns));
    if (!json_member(root, "request", &request) || json_type(request) != JSON_OBJECT) {
        return ps_fail(PS_E_INPUT, 0, "request is no object");
    }
    *ret_request = request;
    return PS_OK;
}

static void put_head(uint64_t now_ns, struct ps_buf *out)
{
    ps_buf_put_str(out, "{\"responseTime\":\"");
    ps_buf_put_time(out, now_ns, 3);
    ps_buf_put_str(out, "\",\"response\":");
}

void envelope_put_response(struct ps_bytes response, uint64_t now_ns, struct ps_buf *out)
{
    put_head(now_ns, out);
    ps_buf_put(out, response);
    ps_buf_put_str(out, ",\"errors\":[]}");
}

void envelope_put_error(const char *code, uint64_t now_ns, struct ps_buf *out)
{
    put_head(now_ns, out);
    ps_buf_printf(out, "null,\"errors\":[{\"errorCode\":\"%s\",\"errorMessage\":\"%s\"}]}", code,
                  code);
}

void envelope_put_mistakes(const struct client_mistakes *mistakes, uint64_t now_ns,
                           struct ps_buf *out)
{
    put_head(now_ns, out);
    ps_buf_put_str(out, "null,\"errors\":[");
    for (size_t i = 0; i < mistakes->count; i++) {
        ps_buf_printf(out, "%s{\"errorCode\":\"%s\",\"errorMessage\":\"request.%s: %s\"}",
                      i == 0 ? "" : ",", mistakes->of[i].code, mistakes->of[i].member,
                      mistakes->of[i].code);
    }
    ps_buf_put_str(out, "]}");
}
