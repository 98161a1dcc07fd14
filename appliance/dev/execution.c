#include "appliance/dev/gate.h"

#include <stdio.h>

#define LOOK_MS 200

/* Its state now, and why it failed; "" when it cannot be asked. */
struct shown {
    char state[DEV_STATE_MAX];
    char detail[DEV_TEXT_MAX];
};

static enum ps_err show(const struct dev_gate *gate, const struct dev_waiting *waiting,
                        struct privyseal_answer *answer, struct shown *ret_shown)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    struct json_value root;
    char path[DEV_TEXT_MAX];

    *ret_shown = (struct shown){.state = ""};
    (void)snprintf(path, sizeof path, "/v1/operations/%s", waiting->id);
    PS_TRY(dev_call(gate, "GET", path, NULL, answer));
    if (answer->status != 200) {
        return PS_OK;
    }
    PS_TRY(json_new(&parser));
    PS_TRY(
        json_parse(parser, ps_bytes(answer->body, answer->body_len), &JSON_LIMITS_REQUEST, &root));
    PS_TRY(dev_take_text(root, "state", ret_shown->state, sizeof ret_shown->state));
    if (dev_take_text(root, "detail", ret_shown->detail, sizeof ret_shown->detail) != PS_OK) {
        ret_shown->detail[0] = '\0';
    }
    return PS_OK;
}

/*
 * Nobody answered in time, or said that it goes on: an RSA key may take minutes. ret_answer is what
 * the operation says of itself at its end; of one that was not begun it stays as it is.
 */
static enum ps_err wait_for_end(const struct dev_gate *gate, const struct dev_waiting *waiting,
                                struct privyseal_answer *ret_answer)
{
    for (;;) {
        PS_CLEANUP(privyseal_answer_clear) struct privyseal_answer answer = {.status = 0};
        struct shown shown;

        PS_TRY(show(gate, waiting, &answer, &shown));
        if (strcmp(shown.state, "failed") == 0) {
            return ps_fail(PS_E_STATE, 0, "%s failed: %.160s", waiting->type, shown.detail);
        }
        if (strcmp(shown.state, "done") == 0) {
            privyseal_answer_clear(ret_answer);
            *ret_answer = answer;
            answer = (struct privyseal_answer){.status = 0};
            return PS_OK;
        }
        if (strcmp(shown.state, "executing") != 0) {
            return PS_OK;
        }
        PS_TRY(dev_pause(gate->dev, LOOK_MS));
    }
}

enum ps_err dev_execute(const struct dev_gate *gate, const struct dev_waiting *waiting,
                        struct privyseal_answer *ret_answer)
{
    char path[DEV_TEXT_MAX];
    PS_BUF_AUTO body = {.max = 16};

    ps_buf_put_str(&body, "{}");
    (void)snprintf(path, sizeof path, "/v1/operations/%s/execute", waiting->id);
    PS_TRY(dev_call(gate, "POST", path, &body, ret_answer));
    /* 409: the library asked once more after a 503. */
    return ret_answer->status == 202 || ret_answer->status == 503 || ret_answer->status == 409
               ? wait_for_end(gate, waiting, ret_answer)
               : PS_OK;
}

enum ps_err dev_wait_executing(const struct dev_gate *gate)
{
    bool was_said = false;

    for (;;) {
        PS_CLEANUP(privyseal_answer_clear) struct privyseal_answer answer = {.status = 0};

        PS_TRY(dev_call(gate, "GET", "/v1/operations?state=executing&limit=1", NULL, &answer));
        if (answer.status != 200) {
            return dev_refused("/v1/operations", &answer);
        }
        if (strstr(answer.body, "\"id\"") == NULL) {
            return PS_OK;
        }
        if (!was_said) {
            dev_say("  an operation of an earlier start is being executed still; it is waited for");
            was_said = true;
        }
        PS_TRY(dev_pause(gate->dev, LOOK_MS));
    }
}
