#include "api/client/internal.h"

#include "lib/formats/json/json.h"

#include <limits.h>
#include <stdlib.h>

/* A problem document is small; the texts of it that we keep are bounded by this. */
#define PROBLEM_TEXT_MAX (64u * 1024u)

struct answer_memory *answer_memory_new(void)
{
    struct answer_memory *memory = calloc(1, sizeof *memory);

    if (memory != NULL) {
        memory->body = PS_BUF_SECRET(CLIENT_ANSWER_MAX);
        memory->texts = PS_BUF_SECRET(PROBLEM_TEXT_MAX);
    }
    return memory;
}

void answer_memory_free(struct answer_memory *memory)
{
    if (memory == NULL) {
        return;
    }
    ps_buf_clear(&memory->body);
    ps_buf_clear(&memory->texts);
    free(memory);
}

void privyseal_answer_clear(struct privyseal_answer *answer)
{
    answer_memory_free(answer->memory);
    *answer = (struct privyseal_answer){0};
}

/* Copies a string member; its place in `texts` is kept as an offset, since the buffer may move. */
static size_t keep_text(struct json_value object, const char *name, struct ps_buf *texts)
{
    struct json_value value;
    struct ps_bytes text;
    const size_t at = texts->len;

    if (!json_member(object, name, &value) || json_string(value, &text) != PS_OK) {
        return 0;
    }
    ps_buf_put(texts, text);
    ps_buf_put_u8(texts, '\0');
    return at;
}

static void read_problem(struct json_value root, struct answer_memory *memory,
                         struct privyseal_problem *problem)
{
    struct json_value value;
    int64_t seconds = 0;
    size_t code;
    size_t title;
    size_t detail;
    size_t state;
    size_t instance;

    ps_buf_put_u8(&memory->texts, '\0'); /* offset 0 is the empty text */
    code = keep_text(root, "code", &memory->texts);
    title = keep_text(root, "title", &memory->texts);
    detail = keep_text(root, "detail", &memory->texts);
    state = keep_text(root, "state", &memory->texts);
    instance = keep_text(root, "instance", &memory->texts);
    if (ps_buf_status(&memory->texts) != PS_OK) {
        return;
    }
    problem->code = (const char *)memory->texts.data + code;
    problem->title = (const char *)memory->texts.data + title;
    problem->detail = (const char *)memory->texts.data + detail;
    problem->state = (const char *)memory->texts.data + state;
    problem->request_id = (const char *)memory->texts.data + instance;
    if (json_member(root, "retry_after_s", &value) && json_integer(value, &seconds) == PS_OK &&
        seconds > 0) {
        problem->retry_after_s = seconds < UINT_MAX ? (unsigned)seconds : UINT_MAX;
    }
}

static enum privyseal_result parse_problem(struct privyseal *client, struct answer_memory *memory,
                                           struct privyseal_answer *answer)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct json_value root;

    answer->problem = (struct privyseal_problem){answer->status, "", "", "", "", "", 0};
    if (json_new(&json) != PS_OK) {
        return client_fail(client, PRIVYSEAL_NO_MEMORY, "out of memory");
    }
    if (json_parse(json, ps_buf_bytes(&memory->body), &JSON_LIMITS_REQUEST, &root) != PS_OK ||
        json_type(root) != JSON_OBJECT) {
        return client_fail(client, PRIVYSEAL_BAD_ANSWER,
                           "status %d without a problem document: is this the appliance?",
                           answer->status);
    }
    read_problem(root, memory, &answer->problem);
    (void)client_fail(client, PRIVYSEAL_REFUSED, "%s: %s", answer->problem.title,
                      answer->problem.detail);
    return PRIVYSEAL_REFUSED;
}

enum privyseal_result answer_finish(struct privyseal *client, long status,
                                    struct answer_memory *memory,
                                    struct privyseal_answer *ret_answer)
{
    enum privyseal_result result = PRIVYSEAL_OK;

    *ret_answer = (struct privyseal_answer){.status = (int)status, .memory = memory};
    if (status >= 400) {
        result = parse_problem(client, memory, ret_answer);
    } else {
        ret_answer->problem = (struct privyseal_problem){(int)status, "", "", "", "", "", 0};
    }
    ret_answer->body_len = memory->body.len;
    ps_buf_put_u8(&memory->body, '\0');
    if (ps_buf_status(&memory->body) != PS_OK) {
        return client_fail(client, PRIVYSEAL_BAD_ANSWER, "an answer of more than %u octets",
                           CLIENT_ANSWER_MAX);
    }
    ret_answer->body = (char *)memory->body.data;
    ret_answer->content_type = memory->content_type;
    ret_answer->etag = memory->etag;
    ret_answer->location = memory->location;
    ret_answer->request_id = memory->request_id;
    return result;
}
