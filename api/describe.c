#include "api/api.h"

#include "api/routes.h"
#include "lib/base/algorithm.h"
#include "lib/base/encode.h"
#include "lib/base/problem.h"

static void put_name(struct ps_buf *out, const char *name, bool first)
{
    ps_buf_put_str(out, first ? "" : ",");
    ps_buf_put_json_string(out, ps_bytes_str(name));
}

static void put_listeners(unsigned listeners, struct ps_buf *out)
{
    ps_buf_put_str(out, "[");
    if ((listeners & LISTENS_CLIENTS) != 0) {
        put_name(out, "clients", true);
    }
    if ((listeners & LISTENS_MANAGEMENT) != 0) {
        put_name(out, "management", (listeners & LISTENS_CLIENTS) == 0);
    }
    ps_buf_put_str(out, "]");
}

static void put_states(unsigned states, struct ps_buf *out)
{
    bool first = true;

    ps_buf_put_str(out, "[");
    for (unsigned i = APPLIANCE_STARTING; i <= APPLIANCE_FAILED; i++) {
        if ((states & 1u << i) != 0) {
            put_name(out, appliance_state_name((enum appliance_state)i), first);
            first = false;
        }
    }
    ps_buf_put_str(out, "]");
}

static void put_query(const char *query, struct ps_buf *out)
{
    bool first = true;

    ps_buf_put_str(out, "[");
    while (*query != '\0') {
        const size_t len = strcspn(query, " ");

        if (len != 0) {
            ps_buf_put_str(out, first ? "" : ",");
            ps_buf_put_json_string(out, ps_bytes(query, len));
            first = false;
        }
        query += len + (query[len] == ' ' ? 1 : 0);
    }
    ps_buf_put_str(out, "]");
}

static void put_text(const char *name, const char *text, struct ps_buf *out)
{
    ps_buf_printf(out, "\"%s\":", name);
    ps_buf_put_json_string(out, ps_bytes_str(text));
    ps_buf_put_u8(out, ',');
}

static void put_route(const struct route *route, struct ps_buf *out)
{
    ps_buf_put_u8(out, '{');
    put_text("id", route->id, out);
    put_text("method", http_method_name(route->method), out);
    put_text("path", route->path, out);
    put_text("serves", route->serves, out);
    if (route->change != NULL) {
        put_text("change", route->change, out);
    }
    put_text("media", route->media == NULL ? "application/json" : route->media, out);
    ps_buf_put_str(out, "\"listeners\":");
    put_listeners(route->listeners, out);
    ps_buf_put_str(out, ",\"states\":");
    put_states(route->states, out);
    ps_buf_put_str(out, ",\"query\":");
    put_query(route->query, out);
    ps_buf_printf(out, ",\"body_max\":%zu,\"deadline_ms\":%u}", route->body_max,
                  route->deadline_ms);
}

void api_routes_put_json(struct ps_buf *out)
{
    ps_buf_put_str(out, "[");
    for (size_t i = 0; i < route_count; i++) {
        ps_buf_put_str(out, i == 0 ? "\n" : ",\n");
        put_route(&routes[i], out);
    }
    ps_buf_put_str(out, "\n]\n");
}

/* Names of a table, from number 1 on; `name` yields NULL for what is none. */
static void put_table(const char *title, const char *(*name)(unsigned), unsigned count,
                      struct ps_buf *out)
{
    ps_buf_printf(out, "\"%s\":[", title);
    for (unsigned i = 1; i < count; i++) {
        put_name(out, name(i), i == 1);
    }
    ps_buf_put_str(out, "]");
}

static const char *alg_name(unsigned i)
{
    return ps_alg_info((enum ps_alg)i)->name;
}

static const char *key_type_name(unsigned i)
{
    return ps_key_type_info((enum ps_key_type)i)->name;
}

static const char *usage_name(unsigned i)
{
    return ps_usage_name((enum ps_usage)i);
}

static const char *format_name(unsigned i)
{
    return ps_format_name((enum ps_format)i);
}

static const char *problem_name(unsigned i)
{
    return ps_problem_info((enum ps_problem)i)->code;
}

static const char *state_name(unsigned i)
{
    return appliance_state_name((enum appliance_state)(i - 1));
}

void api_vocabulary_put_json(struct ps_buf *out)
{
    ps_buf_put_str(out, "{");
    put_table("algorithms", alg_name, PS_ALG_COUNT, out);
    ps_buf_put_str(out, ",\n");
    put_table("key_types", key_type_name, PS_KEY_COUNT, out);
    ps_buf_put_str(out, ",\n");
    put_table("usages", usage_name, PS_USAGE_COUNT, out);
    ps_buf_put_str(out, ",\n");
    put_table("formats", format_name, PS_FORMAT_COUNT, out);
    ps_buf_put_str(out, ",\n");
    put_table("problems", problem_name, PS_PROBLEM_COUNT, out);
    ps_buf_put_str(out, ",\n");
    put_table("states", state_name, APPLIANCE_FAILED + 2, out);
    ps_buf_put_str(out, "}\n");
}
