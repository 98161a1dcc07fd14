#include "api/read/log.h"

#include "api/handlers.h"
#include "api/internal.h"
#include "lib/base/clock.h"
#include "lib/base/name.h"
#include "lib/formats/tlog/note.h"

#include <stdio.h>

#define TILE_WIDTH 256u
#define LEVEL_MAX  63u

static enum ps_err no_such_path(void)
{
    return ps_fail(PS_E_INPUT, 0, "no path of a tile");
}

/* Three digits. */
static enum ps_err add_group(struct ps_bytes group, uint64_t *number)
{
    if (group.len != 3) {
        return no_such_path();
    }
    for (size_t i = 0; i < 3; i++) {
        if (group.data[i] < '0' || group.data[i] > '9') {
            return no_such_path();
        }
        *number = *number * 10 + (uint64_t)(group.data[i] - '0');
    }
    return PS_OK;
}

/* The last group may end in ".p"; *ret_partial says whether it does. */
static enum ps_err parse_index(const struct ps_bytes *segments, size_t count, uint64_t *ret_index,
                               bool *ret_partial)
{
    struct ps_bytes last = segments[count - 1];
    uint64_t index = 0;

    *ret_partial = last.len == 5 && memcmp(last.data + 3, ".p", 2) == 0;
    if (*ret_partial) {
        last.len = 3;
    }
    for (size_t i = 0; i + 1 < count; i++) {
        if (segments[i].len != 4 || segments[i].data[0] != 'x') {
            return no_such_path();
        }
        PS_TRY(add_group(ps_bytes_from(segments[i], 1), &index));
        if (index == 0) {
            return no_such_path(); /* "x000/..." is not how a number is written */
        }
    }
    PS_TRY(add_group(last, &index));
    *ret_index = index;
    return PS_OK;
}

static enum ps_err parse_width(struct ps_bytes text, uint32_t *ret_width)
{
    uint64_t width;

    PS_TRY(parse_number(text, TILE_WIDTH - 1, &width));
    if (width == 0) {
        return no_such_path();
    }
    *ret_width = (uint32_t)width;
    return PS_OK;
}

enum ps_err log_tile_parse(const struct ps_bytes *segments, size_t count,
                           struct log_tile_path *ret_path)
{
    struct log_tile_path path = {.width = TILE_WIDTH};
    size_t groups;
    bool is_partial = false;

    if (count < 2) {
        return no_such_path();
    }
    path.is_entries = ps_bytes_equal_str(segments[0], "entries");
    if (!path.is_entries) {
        PS_TRY(parse_number(segments[0], LEVEL_MAX, &path.level));
    }
    groups = count - 1;
    /* "067.p/5": the width is a segment of its own. */
    if (groups >= 2 && segments[count - 2].len == 5 && segments[count - 2].data[3] == '.') {
        groups--;
        PS_TRY(parse_width(segments[count - 1], &path.width));
    }
    /* Six groups are more than any tree will have. */
    if (groups > 6) {
        return no_such_path();
    }
    PS_TRY(parse_index(segments + 1, groups, &path.index, &is_partial));
    if (is_partial != (groups != count - 1)) {
        return no_such_path();
    }
    *ret_path = path;
    return PS_OK;
}

struct ps_bytes log_tree_name(const struct exchange *exchange, char text[PS_NAME_MAX + 1])
{
    const struct ps_bytes tree = exchange_variable(exchange, 0);
    const struct ps_bytes shard = exchange_variable(exchange, 1);
    const int len =
        snprintf(text, PS_NAME_MAX + 1, "%.*s/%.*s", PS_BYTES_FMT(tree), PS_BYTES_FMT(shard));

    /* What does not fit is no tree's name, and is refused as that. */
    return ps_bytes(text, len < 0 || (size_t)len > PS_NAME_MAX ? 0 : (size_t)len);
}

/* Whether the route is one of a shard: then the second variable is its name. */
static bool has_shard(const struct exchange *exchange)
{
    return strstr(exchange->match.route->path, "/{shard}/") != NULL;
}

static void ask(struct exchange *exchange, struct msg_read *message)
{
    char tree[PS_NAME_MAX + 1];

    message->caller = exchange_caller(exchange);
    message->request_id = http_request_id(exchange->request);
    message->name =
        has_shard(exchange) ? log_tree_name(exchange, tree) : exchange_variable(exchange, 0);
    exchange_ask(exchange, &msg_read_info, message, &msg_document_info, document_answer);
}

void log_tile(struct exchange *exchange)
{
    const struct http_target *target = http_request_target(exchange->request);
    const size_t rest = exchange->match.rest;
    struct log_tile_path path;
    struct msg_read message = {0};

    if (log_tile_parse(target->segments + rest, target->segment_count - rest, &path) != PS_OK) {
        exchange_refuse(exchange, PS_PROBLEM_NOT_FOUND, "no path of a tile");
        return;
    }
    message = (struct msg_read){.resource = path.is_entries ? READ_LOG_ENTRIES : READ_LOG_TILE,
                                .from = path.level,
                                .to = path.index,
                                .width = path.width};
    ask(exchange, &message);
}

void log_entries(struct exchange *exchange)
{
    struct msg_read message = {.resource = READ_LOG_ENTRIES};
    uint64_t width = TILE_WIDTH;
    enum ps_err err =
        exchange_query_number(exchange, "bundle", 0, UINT64_C(1000000000000000), &message.to);

    if (err == PS_OK) {
        err = exchange_query_number(exchange, "width", 1, TILE_WIDTH, &width);
    }
    if (err != PS_OK) {
        exchange_refuse_err(exchange, err);
        return;
    }
    message.width = (uint32_t)width;
    ask(exchange, &message);
}

void log_proof(struct exchange *exchange)
{
    const struct ps_bytes index = exchange_variable(exchange, has_shard(exchange) ? 2 : 1);
    struct msg_read message = {.resource = READ_LOG_PROOF};
    enum ps_err err = parse_number(index, UINT64_C(1000000000000000), &message.from);

    if (err == PS_OK) {
        err = exchange_query_number(exchange, "size", 0, UINT64_C(1000000000000000), &message.to);
    }
    if (err != PS_OK) {
        exchange_refuse_err(exchange, err);
        return;
    }
    ask(exchange, &message);
}

void log_tlog_proof(struct exchange *exchange)
{
    const struct ps_bytes index = exchange_variable(exchange, has_shard(exchange) ? 2 : 1);
    struct msg_read message = {.resource = READ_LOG_TLOG_PROOF};
    const enum ps_err err = parse_number(index, UINT64_C(1000000000000000), &message.from);

    if (err != PS_OK) {
        exchange_refuse_err(exchange, err);
        return;
    }
    ask(exchange, &message);
}

void log_consistency(struct exchange *exchange)
{
    struct msg_read message = {.resource = READ_LOG_CONSISTENCY};
    enum ps_err err =
        exchange_query_number(exchange, "from", 0, UINT64_C(1000000000000000), &message.from);

    if (err == PS_OK) {
        err = exchange_query_number(exchange, "to", 0, UINT64_C(1000000000000000), &message.to);
    }
    if (err != PS_OK) {
        exchange_refuse_err(exchange, err);
        return;
    }
    ask(exchange, &message);
}

void log_witness_request(struct exchange *exchange)
{
    struct msg_read message = {.resource = READ_LOG_WITNESS_REQUEST};
    const enum ps_err err =
        exchange_query_number(exchange, "from", 0, UINT64_C(1000000000000000), &message.from);

    if (err != PS_OK) {
        exchange_refuse_err(exchange, err);
        return;
    }
    ask(exchange, &message);
}

void log_cosignatures(struct exchange *exchange)
{
    char tree[PS_NAME_MAX + 1];
    const struct msg_cosignatures message = {
        .caller = exchange_caller(exchange),
        .request_id = http_request_id(exchange->request),
        .tree =
            has_shard(exchange) ? log_tree_name(exchange, tree) : exchange_variable(exchange, 0),
        .note = http_request_body(exchange->request),
    };

    struct checkpoint checkpoint;

    if (checkpoint_peek(message.note, &checkpoint) != PS_OK) {
        exchange_refuse(exchange, PS_PROBLEM_MALFORMED, ps_detail()->text);
        return;
    }
    exchange_ask(exchange, &msg_cosignatures_info, &message, &msg_document_info, document_answer);
}

/* --- A report of what the log has --- */

static enum ps_err read_time(const struct exchange *exchange, const char *name, uint64_t *ret_ns)
{
    struct ps_bytes text;

    if (!http_target_parameter(http_request_target(exchange->request), name, &text)) {
        return PS_OK;
    }
    return ps_time_parse(text, ret_ns) == PS_OK
               ? PS_OK
               : ps_fail(PS_E_INPUT, 0, "the query parameter %s is no time like %s", name,
                         "2026-01-02T03:04:05Z");
}

static enum ps_err read_name(const struct exchange *exchange, const char *name,
                             struct ps_bytes *ret_name)
{
    if (!http_target_parameter(http_request_target(exchange->request), name, ret_name)) {
        return PS_OK;
    }
    return ps_name_valid(*ret_name)
               ? PS_OK
               : ps_fail(PS_E_INPUT, 0, "the query parameter %s is no name", name);
}

static enum ps_err read_period(const struct exchange *exchange, struct msg_read *message)
{
    PS_TRY(read_time(exchange, "from", &message->from));
    PS_TRY(read_time(exchange, "to", &message->to));
    PS_TRY(read_name(exchange, "key", &message->name));
    return read_name(exchange, "caller", &message->after);
}

void audit_read(struct exchange *exchange)
{
    struct msg_read message = {.resource = READ_AUDIT_REPORT,
                               .caller = exchange_caller(exchange),
                               .request_id = http_request_id(exchange->request)};
    const enum ps_err err = read_period(exchange, &message);

    if (err != PS_OK) {
        exchange_refuse_err(exchange, err);
        return;
    }
    exchange_ask(exchange, &msg_read_info, &message, &msg_document_info, document_answer);
}
