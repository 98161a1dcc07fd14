#include "api/routes.h"

#include "api/handlers.h"
#include "api/schema.h"
#include "lib/base/name.h"

#include <assert.h>

/* Less than the five seconds after which a client may think us dead. */
#define DEADLINE_MS 4500

/* Parameters of a change are at most 48 KiB; reason and white space come to that. */
#define CHANGE_BODY_MAX 65536

#define ROUTE(id_, listeners_, method_, path_, serves_, states_, body_, query_, handle_)           \
    {.id = (id_),                                                                                  \
     .listeners = LISTENS_##listeners_,                                                            \
     .method = HTTP_##method_,                                                                     \
     .path = (path_),                                                                              \
     .serves = (serves_),                                                                          \
     .states = STATES_##states_,                                                                   \
     .body_max = (body_),                                                                          \
     .query = " " query_ " ",                                                                      \
     .handle = (handle_),                                                                          \
     .deadline_ms = DEADLINE_MS},

#define WORK(id_, path_, serves_, states_, query_, handle_, deadline_)                             \
    {.id = (id_),                                                                                  \
     .listeners = LISTENS_MANAGEMENT,                                                              \
     .method = HTTP_GET,                                                                           \
     .path = (path_),                                                                              \
     .serves = (serves_),                                                                          \
     .states = STATES_##states_,                                                                   \
     .query = " " query_ " ",                                                                      \
     .handle = (handle_),                                                                          \
     .deadline_ms = (deadline_)},

#define OCTETS(id_, listeners_, path_, serves_, states_, body_, query_, media_, handle_)           \
    {.id = (id_),                                                                                  \
     .listeners = LISTENS_##listeners_,                                                            \
     .method = HTTP_POST,                                                                          \
     .path = (path_),                                                                              \
     .serves = (serves_),                                                                          \
     .states = STATES_##states_,                                                                   \
     .body_max = (body_),                                                                          \
     .query = " " query_ " ",                                                                      \
     .media = (media_),                                                                            \
     .handle = (handle_),                                                                          \
     .deadline_ms = DEADLINE_MS},

#define READ(id_, listeners_, path_, serves_, states_, query_, resource_)                          \
    {.id = (id_),                                                                                  \
     .listeners = LISTENS_##listeners_,                                                            \
     .method = HTTP_GET,                                                                           \
     .path = (path_),                                                                              \
     .serves = (serves_),                                                                          \
     .states = STATES_##states_,                                                                   \
     .query = " " query_ " ",                                                                      \
     .handle = read_resource,                                                                      \
     .resource = READ_##resource_,                                                                 \
     .deadline_ms = DEADLINE_MS},

#define CHANGE(id_, method_, path_, serves_, states_, query_, change_, body_, deadline_)           \
    {.id = (id_),                                                                                  \
     .listeners = LISTENS_MANAGEMENT,                                                              \
     .method = HTTP_##method_,                                                                     \
     .path = (path_),                                                                              \
     .serves = (serves_),                                                                          \
     .states = STATES_##states_,                                                                   \
     .body_max = CHANGE_BODY_MAX,                                                                  \
     .query = " " query_ " ",                                                                      \
     .handle = change_make,                                                                        \
     .change = (change_),                                                                          \
     .schema = &schema_##body_,                                                                    \
     .deadline_ms = (deadline_)},

#define OWN(id_, path_, change_, body_, deadline_)                                                 \
    {.id = (id_),                                                                                  \
     .listeners = LISTENS_BOTH,                                                                    \
     .method = HTTP_POST,                                                                          \
     .path = (path_),                                                                              \
     .serves = "registered",                                                                       \
     .states = STATES_MAKE,                                                                        \
     .body_max = CHANGE_BODY_MAX,                                                                  \
     .query = " dry_run ",                                                                         \
     .handle = change_make,                                                                        \
     .change = (change_),                                                                          \
     .schema = &schema_##body_,                                                                    \
     .deadline_ms = (deadline_)},

#define STEP(verb_)                                                                                \
    {.id = "operation-" verb_,                                                                     \
     .listeners = LISTENS_MANAGEMENT,                                                              \
     .method = HTTP_POST,                                                                          \
     .path = "/v1/operations/{id}/" verb_,                                                         \
     .serves = "operations.step",                                                                  \
     .states = STATES_CHANGE | STATES_EMPTY,                                                       \
     .body_max = CHANGE_BODY_MAX,                                                                  \
     .query = " ",                                                                                 \
     .handle = operation_step,                                                                     \
     .change = (verb_),                                                                            \
     .deadline_ms = 30000},

const struct route routes[] = {
#include "api/routes.def"
};
const size_t route_count = PS_COUNT_OF(routes);

/* What a variable segment may be: every name and every id is. */
static bool is_variable(struct ps_bytes segment)
{
    return ps_request_id_valid(segment) || ps_name_valid(segment);
}

/* The segment of a pattern at *at, which moves behind it; false at the pattern's end. */
static bool next_segment(const char *pattern, size_t *at, struct ps_bytes *ret_segment)
{
    size_t end;

    if (pattern[*at] == '\0') {
        return false;
    }
    end = ++*at;
    while (pattern[end] != '\0' && pattern[end] != '/') {
        end++;
    }
    *ret_segment = ps_bytes(pattern + *at, end - *at);
    *at = end;
    return true;
}

/* Whether the path has what the pattern has before its first variable: most routes end here. */
static bool begins_as(const char *pattern, struct ps_bytes path)
{
    size_t at = 0;

    while (pattern[at] != '\0' && pattern[at] != '{') {
        if (at == path.len || path.data[at] != (uint8_t)pattern[at]) {
            return false;
        }
        at++;
    }
    return true;
}

/* Fills the variables when the pattern fits. */
static bool fits(const char *pattern, const struct http_target *target, struct route_match *match)
{
    struct ps_bytes wanted;
    size_t at = 0;
    size_t number = 0;

    match->variable_count = 0;
    match->rest = 0;
    if (!begins_as(pattern, target->path)) {
        return false;
    }
    for (; next_segment(pattern, &at, &wanted); number++) {
        if (number == target->segment_count) {
            return false;
        }
        if (ps_bytes_equal_str(wanted, "{rest...}")) {
            match->rest = number;
            return true;
        }
        if (wanted.data[0] != '{') {
            if (!ps_bytes_equal(wanted, target->segments[number])) {
                return false;
            }
            continue;
        }
        if (!is_variable(target->segments[number])) {
            return false;
        }
        assert(match->variable_count < ROUTE_VARIABLES_MAX);
        match->variables[match->variable_count++] = target->segments[number];
    }
    return number == target->segment_count;
}

void route_find(unsigned listener, enum http_method method, const struct http_target *target,
                struct route_match *ret_match)
{
    const enum http_method wanted = method == HTTP_HEAD ? HTTP_GET : method;
    struct route_match match = {.methods = 0};

    ret_match->route = NULL;
    for (size_t i = 0; i < route_count; i++) {
        const struct route *route = &routes[i];

        if ((route->listeners & listener) == 0 || !fits(route->path, target, &match)) {
            continue;
        }
        match.methods |= route->method | (route->method == HTTP_GET ? HTTP_HEAD : 0u);
        if (route->method == wanted) {
            match.route = route;
            break;
        }
    }
    *ret_match = match;
}

bool route_is_public(const struct route *route)
{
    return strcmp(route->serves, "public") == 0;
}

void route_put_methods(unsigned methods, struct ps_buf *out)
{
    static const enum http_method all[] = {HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_DELETE};
    const char *separator = "";

    for (size_t i = 0; i < PS_COUNT_OF(all); i++) {
        if ((methods & all[i]) != 0) {
            ps_buf_put_str(out, separator);
            ps_buf_put_str(out, http_method_name(all[i]));
            separator = ", ";
        }
    }
}
