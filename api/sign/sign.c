#include "api/sign/sign.h"

#include "lib/base/algorithm.h"
#include "lib/base/encode.h"

#include <assert.h>
#include <stdlib.h>

/* What does not fit into this gets a problem instead, for which there is room left. */
#define RESULTS_MAX (4u * 1024u * 1024u)

struct batch_body {
    struct ps_bytes key;
    struct json_value items;
};

static const struct json_field batch_fields[] = {
    JSON_FIELD(struct batch_body, items, JSON_KIND_ARRAY, true, 0),
    JSON_FIELD(struct batch_body, key, JSON_KIND_NAME, true, 128),
};

enum ps_err sign_check_algorithm(struct ps_bytes name)
{
    if (name.data != NULL && ps_alg_by_name(name) == PS_ALG_NONE) {
        return ps_fail(PS_E_INPUT, 0, "no algorithm of that name");
    }
    return PS_OK;
}

enum ps_err sign_payload_text(struct json_value object, struct ps_bytes *ret_text)
{
    struct json_value value;
    struct ps_bytes raw;

    if (!json_member(object, "payload", &value)) {
        return ps_fail(PS_E_INTERNAL, 0, "a payload that was there is gone");
    }
    raw = json_raw(value);
    if (memchr(raw.data, '\\', raw.len) != NULL) {
        return ps_fail(PS_E_INPUT, 0, "member \"payload\": base64url needs no escapes");
    }
    *ret_text = ps_bytes(raw.data + 1, raw.len - 2);
    return PS_OK;
}

enum ps_err sign_read_include(const char *member, struct json_value array,
                              const struct sign_includes *includes, uint8_t *ret_include)
{
    uint32_t cursor = 0;
    struct json_value value;
    uint8_t include = 0;

    while (array.doc != NULL && json_next(array, &cursor, NULL, &value)) {
        struct ps_bytes name = ps_bytes(NULL, 0);
        uint8_t bit = 0;

        PS_TRY(json_string(value, &name));
        for (size_t i = 0; i < PS_COUNT_OF(includes->rows); i++) {
            bit |= ps_bytes_equal_str(name, includes->rows[i].name) ? includes->rows[i].bit : 0;
        }
        if (bit == 0 || (include & bit) != 0) {
            return ps_fail(PS_E_INPUT, 0, "member \"%s\": %s, each once", member, includes->says);
        }
        include |= bit;
    }
    *ret_include = include;
    return PS_OK;
}

void sign_put_end(struct ps_bytes kid, uint32_t version, struct ps_buf *out)
{
    ps_buf_put_str(out, ",\"kid\":");
    ps_buf_put_json_string(out, kid);
    ps_buf_put_str(out, ",\"version\":");
    ps_buf_put_decimal(out, version);
    ps_buf_put_u8(out, '}');
}

static void put_problem_item(const struct exchange *exchange, uint32_t number,
                             const struct msg_problem *problem, struct ps_buf *out)
{
    const struct http_problem refusal = {.problem = (enum ps_problem)problem->problem,
                                         .detail = problem->detail,
                                         .state = problem->state,
                                         .retry_after_s = problem->retry_after_s,
                                         .has_item = true,
                                         .item = number};

    ps_buf_put_str(out, "{\"problem\":");
    http_put_problem(&refusal, http_request_id(exchange->request), out);
    ps_buf_put_u8(out, '}');
}

/* All results in the order of the items. */
static void put_in_order(struct exchange *exchange)
{
    struct sign_work *work = &exchange->sign;
    struct ps_buf *out = http_request_out(exchange->request);

    (void)ps_buf_reserve(out, work->results.len + work->count + sizeof "{\"items\":[]}");
    ps_buf_put_str(out, "{\"items\":[");
    for (uint32_t i = 0; i < work->count; i++) {
        if (i != 0) {
            ps_buf_put_u8(out, ',');
        }
        ps_buf_put(out,
                   ps_bytes(work->results.data + work->items[i].result, work->items[i].result_len));
    }
    ps_buf_put_str(out, "]}");
    exchange_answer_json(exchange);
}

static void end_batch(struct exchange *exchange)
{
    struct sign_work *work = &exchange->sign;
    struct sign_item *items = work->items;
    struct ps_buf results = work->results;

    if (ps_buf_status(&results) == PS_OK) {
        put_in_order(exchange);
    } else {
        exchange_refuse(exchange, PS_PROBLEM_OVERLOADED, NULL);
    }
    free(items);
    ps_buf_clear(&results);
}

/*
 * Room for those that are to come, which are mostly as long as the first: what grows is copied, and
 * wiped where it was.
 */
static void reserve_rest(struct sign_work *work, uint32_t len)
{
    const size_t rest = (size_t)len * (work->left - 1);
    const size_t most = RESULTS_MAX - len;

    if (work->left == work->count) {
        (void)ps_buf_reserve(&work->results, rest < most ? rest : most);
    }
}

/* A result of a batch: what the keeper answered, or a problem. */
static void put_result(struct exchange *exchange, uint32_t number, const struct ipc_message *info,
                       const void *message)
{
    struct sign_work *work = &exchange->sign;
    struct sign_item *item = &work->items[number];
    const struct msg_problem too_large = {.problem = PS_PROBLEM_TOO_LARGE};

    assert(!item->done);
    item->done = true;
    item->result = (uint32_t)work->results.len;
    if (info == &msg_problem_info) {
        put_problem_item(exchange, number, message, &work->results);
    } else {
        work->verb->write(item, message, &work->results);
    }
    if (work->results.len > RESULTS_MAX || work->results.err == PS_E_LIMIT) {
        ps_buf_cut(&work->results, item->result);
        put_problem_item(exchange, number, &too_large, &work->results);
    }
    item->result_len = (uint32_t)(work->results.len - item->result);
    reserve_rest(work, item->result_len);
    if (--work->left == 0) {
        end_batch(exchange);
    }
}

static void on_signed(struct exchange *exchange, uint32_t number, const struct ipc_message *info,
                      const void *message)
{
    struct sign_work *work = &exchange->sign;

    if (work->is_batch) {
        put_result(exchange, number, info, message);
        return;
    }
    if (info == &msg_problem_info) {
        exchange_refuse_message(exchange, message);
        return;
    }
    work->verb->write(&work->one, message, http_request_out(exchange->request));
    exchange_answer_json(exchange);
}

enum ps_problem sign_problem_of(enum ps_err err)
{
    return err == PS_E_STATE ? PS_PROBLEM_REFUSED : ps_problem_of_err(err);
}

static void ask(struct exchange *exchange, uint32_t number, const union sign_message *message)
{
    const struct sign_verb *verb = exchange->sign.verb;
    const struct keeper_call call = {.ask = verb->ask,
                                     .message = message,
                                     .expect = verb->expect,
                                     .fn = on_signed,
                                     .item = number};

    keeper_ask(exchange->api->keeper, exchange, &call);
}

static void sign_one(struct exchange *exchange, struct json_value body)
{
    struct sign_work *work = &exchange->sign;
    union sign_message message;
    enum ps_err err;

    memset(&message, 0, sizeof message);
    work->verb->address(exchange, exchange_variable(exchange, 0), &message);
    err = work->verb->read(body, false, &message, &work->one);
    if (err != PS_OK) {
        exchange_refuse(exchange, sign_problem_of(err), ps_detail()->text);
        return;
    }
    if (keeper_begin(exchange->api->keeper, exchange, 1) != PS_OK) {
        exchange_refuse(exchange, PS_PROBLEM_OVERLOADED, NULL);
        return;
    }
    ask(exchange, 0, &message);
}

/* Items that cannot be read have their result at once; the others are sent in one go. */
static void sign_items(struct exchange *exchange, struct ps_bytes key, struct json_value items)
{
    struct sign_work *work = &exchange->sign;
    const uint32_t count = work->count;
    uint32_t cursor = 0;
    struct json_value value;

    for (uint32_t i = 0; i < count && json_next(items, &cursor, NULL, &value); i++) {
        union sign_message message;
        struct msg_problem problem = {.problem = PS_PROBLEM_NONE};
        enum ps_err err;

        memset(&message, 0, sizeof message);
        work->verb->address(exchange, key, &message);
        err = work->verb->read(value, true, &message, &work->items[i]);
        if (err == PS_OK) {
            ask(exchange, i, &message);
            continue;
        }
        problem.problem = (uint16_t)sign_problem_of(err);
        problem.detail = ps_bytes_str(ps_detail()->text);
        keeper_skip(exchange->api->keeper, exchange);
        put_result(exchange, i, &msg_problem_info, &problem);
    }
}

static enum ps_err read_batch(struct exchange *exchange, struct json_value body,
                              struct batch_body *ret_batch)
{
    const bool key_in_path = exchange->sign.verb->key_in_path;

    PS_TRY(json_read_object(body, batch_fields, PS_COUNT_OF(batch_fields) - (key_in_path ? 1 : 0),
                            ret_batch, NULL));
    if (json_count(ret_batch->items) == 0) {
        return ps_fail(PS_E_INPUT, 0, "member \"items\": empty");
    }
    if (json_count(ret_batch->items) > SIGN_ITEMS_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "member \"items\": more than %u", SIGN_ITEMS_MAX);
    }
    if (key_in_path) {
        ret_batch->key = exchange_variable(exchange, 0);
    }
    return PS_OK;
}

static void sign_batch(struct exchange *exchange, struct json_value body)
{
    struct sign_work *work = &exchange->sign;
    struct batch_body batch = {.key = {NULL, 0}};
    const enum ps_err err = read_batch(exchange, body, &batch);

    if (err != PS_OK) {
        exchange_refuse_err(exchange, err);
        return;
    }
    work->is_batch = true;
    work->count = work->left = (uint32_t)json_count(batch.items);
    work->items = calloc(work->count, sizeof *work->items);
    if (work->items == NULL ||
        keeper_begin(exchange->api->keeper, exchange, work->count) != PS_OK) {
        free(work->items);
        exchange_refuse(exchange, PS_PROBLEM_OVERLOADED, NULL);
        return;
    }
    work->results = PS_BUF_SECRET(HTTP_ANSWER_MAX); /* plaintexts, it may be */
    sign_items(exchange, batch.key, batch.items);
}

void sign_begin(struct exchange *exchange, const struct sign_verb *verb)
{
    struct json_value body;
    struct json_value items;
    enum ps_err err = exchange_read_json(exchange, &body);

    if (err == PS_OK && json_type(body) != JSON_OBJECT) {
        err = ps_fail(PS_E_INPUT, 0, "the body is no JSON object");
    }
    if (err != PS_OK) {
        exchange_refuse_err(exchange, err);
        return;
    }
    exchange->sign.verb = verb;
    if (json_member(body, "items", &items)) {
        sign_batch(exchange, body);
    } else {
        sign_one(exchange, body);
    }
}
