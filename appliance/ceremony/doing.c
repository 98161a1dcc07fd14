#include "appliance/ceremony/doing.h"

#include "appliance/terminal.h"
#include "lib/base/hash.h"
#include "lib/base/problem.h"

#include <stdio.h>

#define OPERATIONS "/v1/operations"

bool doing_knows(const struct ps_buf *set, const uint8_t hash[PS_SHA256_LEN])
{
    for (size_t at = 0; at + PS_SHA256_LEN <= set->len; at += PS_SHA256_LEN) {
        if (memcmp(set->data + at, hash, PS_SHA256_LEN) == 0) {
            return true;
        }
    }
    return false;
}

void doing_learn(struct ps_buf *set, const uint8_t hash[PS_SHA256_LEN])
{
    ps_buf_put(set, ps_bytes(hash, PS_SHA256_LEN));
}

enum ps_err doing_parse(struct json *json, const char *body, struct json_value *ret_root)
{
    static const struct json_limits limits = {4u * 1024u * 1024u, JSON_DEPTH_MAX, 200000};

    PS_TRY(json_parse(json, ps_bytes_str(body == NULL ? "" : body), &limits, ret_root));
    return json_type(*ret_root) == JSON_OBJECT
               ? PS_OK
               : ps_fail(PS_E_INPUT, 0, "the appliance's answer is no JSON object");
}

static void take_text(struct json_value object, const char *member, char *ret_text, size_t size)
{
    struct json_value value;
    struct ps_bytes text;

    if (json_type(object) == JSON_OBJECT && json_member(object, member, &value) &&
        json_string(value, &text) == PS_OK) {
        (void)snprintf(ret_text, size, "%.*s", PS_BYTES_FMT(text));
    }
}

void doing_read(const char *body, const char *member, char *ret_text, size_t size)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct json_value root;

    ret_text[0] = '\0';
    if (json_new(&json) == PS_OK && doing_parse(json, body, &root) == PS_OK) {
        take_text(root, member, ret_text, size);
    }
}

/* Why it could not be executed now, whoever signs. */
static void read_condition(const char *body, char *ret_text, size_t size)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct json_value root;
    struct json_value condition;

    ret_text[0] = '\0';
    if (json_new(&json) == PS_OK && doing_parse(json, body, &root) == PS_OK &&
        json_member(root, "condition", &condition)) {
        take_text(condition, "detail", ret_text, size);
    }
}

void doing_take_state(struct doing *doing, const char *body)
{
    char before[sizeof doing->state];

    memcpy(before, doing->state, sizeof before);
    doing_read(body, "state", doing->state, sizeof doing->state);
    doing_read(body, "missing", doing->missing, sizeof doing->missing);
    read_condition(body, doing->condition, sizeof doing->condition);
    if (doing->missing[0] == '\0') {
        doing_read(body, "detail", doing->missing, sizeof doing->missing);
    }
    if (strcmp(before, doing->state) != 0) {
        ps_buf_reset(&doing->said);
    }
}

void doing_say(struct doing *doing, const char *sentence)
{
    uint8_t hash[PS_SHA256_LEN];
    PS_BUF_AUTO line = {.max = 16384};

    ps_sha256(ps_bytes_str(sentence), hash);
    if (doing_knows(&doing->said, hash)) {
        return;
    }
    doing_learn(&doing->said, hash);
    ps_buf_put_str(&line, "  ");
    terminal_put_line(sentence, &line);
    ps_buf_put_u8(&line, '\n');
    if (ps_buf_status(&line) != PS_OK || terminal_print(ps_buf_bytes(&line)) != PS_OK) {
        (void)ceremony_failed(PS_E_STORAGE);
    }
}

enum privyseal_result doing_call(struct doing *doing, const char *method, const char *verb,
                                 const struct ps_buf *body, const char *key,
                                 struct privyseal_answer *ret_answer)
{
    char path[256];
    const struct privyseal_request request = {
        .method = method,
        .path = path,
        .body = body == NULL ? NULL : (const char *)body->data,
        .body_len = body == NULL ? 0 : body->len,
        .idempotency_key = key,
    };
    enum privyseal_result result;

    (void)snprintf(path, sizeof path, OPERATIONS "%s", verb);
    result = privyseal_call(doing->ceremony->client, &request, ret_answer);
    if (result != PRIVYSEAL_OK && result != PRIVYSEAL_REFUSED) {
        doing_say(doing, privyseal_last_error(doing->ceremony->client));
    }
    return result;
}

struct outcome doing_refused(const struct doing *doing, const struct privyseal_problem *problem)
{
    const enum ps_problem known = ps_problem_by_code(ps_bytes_str(problem->code));
    const char *why = problem->detail[0] != '\0' ? problem->detail : problem->title;

    (void)ceremony_failed(
        ps_fail(PS_E_DENIED, 0, "step %.*s: %.180s", PS_BYTES_FMT(doing->step->name), why));
    (void)fputs(
        "  --resume tries this step again with the same answers; other answers begin anew, with "
        "another --transcript.\n",
        stderr);
    return (struct outcome){false, known == PS_PROBLEM_NONE ? CLI_FAILED
                                                            : ps_problem_info(known)->exit_code};
}

struct outcome doing_away(const struct doing *doing)
{
    (void)ceremony_failed(
        ps_fail(PS_E_BUSY, 0, "%.200s", privyseal_last_error(doing->ceremony->client)));
    return (struct outcome){false, CLI_UNAVAILABLE};
}

struct outcome ceremony_end_failed(enum ps_err err)
{
    return (struct outcome){false, ceremony_failed(err)};
}
