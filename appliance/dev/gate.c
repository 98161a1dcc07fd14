#include "appliance/dev/gate.h"

#include "lib/formats/json/json.h"

#include <poll.h>
#include <stdio.h>

#define CALL_MS   120000u
#define BODY_MAX  (64u * 1024u)
#define REASON    "set-up of privyseal dev"
#define REQUESTER "officer-1"

enum ps_err dev_gate_open(struct dev *dev, struct dev_gate *ret_gate)
{
    const struct privyseal_options options = {
        .socket = dev->config->management.socket, .timeout_ms = CALL_MS, .retries = 0};

    ret_gate->dev = dev;
    if (privyseal_open(&options, &ret_gate->client) != PRIVYSEAL_OK) {
        return ps_fail(PS_E_INTERNAL, 0, "the client library cannot start");
    }
    return PS_OK;
}

void dev_gate_close(struct dev_gate *gate)
{
    privyseal_close(gate->client);
    gate->client = NULL;
}

/* --- Requests --- */

enum ps_err dev_pause(const struct dev *dev, int wait_ms)
{
    (void)poll(NULL, 0, wait_ms);
    return atomic_load(&dev->leaving) ? ps_fail(PS_E_STATE, 0, "given up") : PS_OK;
}

enum ps_err dev_call(const struct dev_gate *gate, const char *method, const char *path,
                     const struct ps_buf *body, struct privyseal_answer *ret_answer)
{
    const struct privyseal_request request = {
        .method = method,
        .path = path,
        .body = body == NULL ? NULL : (const char *)body->data,
        .body_len = body == NULL ? 0 : body->len,
    };
    enum privyseal_result result;

    if (body != NULL) {
        PS_TRY(ps_buf_status(body));
    }
    PS_TRY(dev_pause(gate->dev, 0));
    result = privyseal_call(gate->client, &request, ret_answer);
    if (result != PRIVYSEAL_OK && result != PRIVYSEAL_REFUSED) {
        return ps_fail(PS_E_STATE, (long)result, "%s %s: %s", method, path,
                       privyseal_last_error(gate->client));
    }
    return PS_OK;
}

bool dev_is_done(const struct privyseal_answer *answer)
{
    return answer->status == 200 || answer->status == 201;
}

enum ps_err dev_refused(const char *what, const struct privyseal_answer *answer)
{
    return ps_fail(PS_E_STATE, answer->status, "%s: %d %s: %.100s%s%.40s", what, answer->status,
                   answer->problem.code, answer->problem.detail,
                   answer->problem.state[0] == '\0' ? "" : "; its state is ",
                   answer->problem.state);
}

/* --- What waits --- */

void dev_waiting_clear(struct dev_waiting *waiting)
{
    ps_buf_clear(&waiting->document);
}

enum ps_err dev_take_text(struct json_value object, const char *name, char *out, size_t size)
{
    struct json_value value;
    struct ps_bytes text;

    if (!json_member(object, name, &value)) {
        return ps_fail(PS_E_INPUT, 0, "an operation without \"%s\"", name);
    }
    PS_TRY(json_string(value, &text));
    if (text.len >= size) {
        return ps_fail(PS_E_LIMIT, 0, "\"%s\" of an operation is too long", name);
    }
    memcpy(out, text.data, text.len);
    out[text.len] = '\0';
    return PS_OK;
}

enum ps_err dev_waiting_read(const struct privyseal_answer *answer, struct dev_waiting *ret_waiting)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    char reason[sizeof REASON];
    struct json_value root;
    struct json_value document;

    *ret_waiting = (struct dev_waiting){.id = ""};
    ps_buf_init(&ret_waiting->document, BODY_MAX);
    PS_TRY(json_new(&parser));
    PS_TRY(
        json_parse(parser, ps_bytes(answer->body, answer->body_len), &JSON_LIMITS_REQUEST, &root));
    PS_TRY(dev_take_text(root, "id", ret_waiting->id, sizeof ret_waiting->id));
    PS_TRY(dev_take_text(root, "state", ret_waiting->state, sizeof ret_waiting->state));
    PS_TRY(dev_take_text(root, "type", ret_waiting->type, sizeof ret_waiting->type));
    if (!json_member(root, "document", &document)) {
        return ps_fail(PS_E_INPUT, 0, "an operation without its document");
    }
    PS_TRY(dev_take_text(document, "requester", ret_waiting->requester,
                         sizeof ret_waiting->requester));
    ret_waiting->is_ours = dev_take_text(document, "reason", reason, sizeof reason) == PS_OK &&
                           strcmp(reason, REASON) == 0;
    ps_buf_put(&ret_waiting->document, json_raw(document));
    return ps_buf_status(&ret_waiting->document);
}

bool dev_waits(const struct dev_waiting *waiting)
{
    return strcmp(waiting->state, "draft") == 0 || strcmp(waiting->state, "open") == 0 ||
           strcmp(waiting->state, "approved") == 0;
}

/* --- Changes --- */

static void put_asked(const struct ps_buf *body, struct ps_buf *out)
{
    ps_buf_put_str(out, "{\"reason\":\"" REASON "\",\"requester\":\"" REQUESTER "\"");
    if (body->len > 2) {
        ps_buf_put_u8(out, ',');
    }
    ps_buf_put(out, ps_bytes(body->data + 1, body->len - 1));
}

enum ps_err dev_change(const struct dev_gate *gate, const char *method, const char *path,
                       const struct ps_buf *body)
{
    PS_CLEANUP(privyseal_answer_clear) struct privyseal_answer asked = {.status = 0};
    PS_CLEANUP(privyseal_answer_clear) struct privyseal_answer done = {.status = 0};
    PS_CLEANUP(dev_waiting_clear) struct dev_waiting waiting = {.id = ""};
    PS_BUF_AUTO whole = {.max = BODY_MAX};

    PS_TRY(ps_buf_status(body));
    put_asked(body, &whole);
    PS_TRY(dev_call(gate, method, path, &whole, &asked));
    if (asked.status != 202) {
        return dev_is_done(&asked) ? PS_OK : dev_refused(path, &asked);
    }
    PS_TRY(dev_waiting_read(&asked, &waiting));
    PS_TRY(dev_finish(gate, &waiting, &done));
    return dev_is_done(&done) ? PS_OK : dev_refused(path, &done);
}

/* --- All that waits --- */

#define PAGE "500"

struct page {
    char next[DEV_ID_MAX]; /* "": the last one */
};

static enum ps_err visit(const struct dev_gate *gate, const char *id, dev_each_fn *each,
                         void *context)
{
    PS_CLEANUP(privyseal_answer_clear) struct privyseal_answer answer = {.status = 0};
    PS_CLEANUP(dev_waiting_clear) struct dev_waiting waiting = {.id = ""};
    char path[DEV_TEXT_MAX];

    (void)snprintf(path, sizeof path, "/v1/operations/%s", id);
    PS_TRY(dev_call(gate, "GET", path, NULL, &answer));
    if (answer.status != 200) {
        return dev_refused(path, &answer);
    }
    PS_TRY(dev_waiting_read(&answer, &waiting));
    return dev_waits(&waiting) ? each(gate, &waiting, context) : PS_OK;
}

static enum ps_err visit_page(const struct dev_gate *gate, struct json_value root,
                              dev_each_fn *each, void *context)
{
    struct json_value items;
    struct json_value item;
    uint32_t cursor = 0;

    if (!json_member(root, "items", &items)) {
        return ps_fail(PS_E_INPUT, 0, "a list without \"items\"");
    }
    while (json_next(items, &cursor, NULL, &item)) {
        struct dev_waiting seen = {.id = ""};

        PS_TRY(dev_take_text(item, "id", seen.id, sizeof seen.id));
        PS_TRY(dev_take_text(item, "state", seen.state, sizeof seen.state));
        if (dev_waits(&seen)) {
            PS_TRY(visit(gate, seen.id, each, context));
        }
    }
    return PS_OK;
}

static enum ps_err take_page(const struct dev_gate *gate, struct json *parser, struct page *page,
                             dev_each_fn *each, void *context)
{
    PS_CLEANUP(privyseal_answer_clear) struct privyseal_answer answer = {.status = 0};
    struct json_value root;
    char path[DEV_TEXT_MAX];

    (void)snprintf(path, sizeof path, "/v1/operations?limit=" PAGE "%s%s",
                   page->next[0] == '\0' ? "" : "&after=", page->next);
    PS_TRY(dev_call(gate, "GET", path, NULL, &answer));
    if (answer.status != 200) {
        return dev_refused(path, &answer);
    }
    PS_TRY(json_parse(parser, ps_bytes(answer.body, answer.body_len), &JSON_LIMITS_REQUEST, &root));
    PS_TRY(visit_page(gate, root, each, context));
    if (dev_take_text(root, "next", page->next, sizeof page->next) != PS_OK) {
        page->next[0] = '\0';
    }
    return PS_OK;
}

enum ps_err dev_each_waiting(const struct dev_gate *gate, dev_each_fn *each, void *context)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct page page = {.next = ""};

    PS_TRY(json_new(&parser));
    do {
        PS_TRY(take_page(gate, parser, &page, each, context));
    } while (page.next[0] != '\0');
    return PS_OK;
}
