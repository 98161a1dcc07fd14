#include "appliance/dev/gate.h"
#include "lib/base/clock.h"

#include <unistd.h>

#define GENESIS_NS   (60 * PS_NS_PER_S)
#define READY_NS     (20 * PS_NS_PER_S)
#define RETRY_MS     25
#define RETRY_MAX_MS 400
#define REQUEST_MAX  16384u
#define STATUS_READY 200

/* The first client is the operator, by certificate and by the uid of whoever runs this. */
void dev_put_operator(const struct dev *dev, struct ps_buf *out)
{
    ps_buf_printf(out, "\"pins\":[\"%s\"],\"uids\":[%u]", dev->pins[DEV_OPERATOR],
                  (unsigned)getuid());
}

static bool has_begun(const struct privyseal_answer *answer)
{
    static const char *const states[] = {"operational", "degraded", "locked"};

    for (size_t i = 0; i < PS_COUNT_OF(states); i++) {
        if (answer->status == 409 && strcmp(answer->problem.state, states[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool may_come(const struct privyseal_answer *answer)
{
    return answer->status == 503 ||
           (answer->status == 409 && strcmp(answer->problem.state, "failed") != 0);
}

/* A PIN that was wrong is not tried again, so that waiting does not help. */
static enum ps_err check_pin(const struct dev_gate *gate, const struct privyseal_answer *answer)
{
    if (answer->body == NULL || strstr(answer->body, "\"wrong-pin\"") == NULL) {
        return PS_OK;
    }
    return ps_fail(PS_E_DENIED, 0, "the token refused the PIN in %s",
                   gate->dev->config->tokens[0].pin_file);
}

static enum ps_err not_ready(const struct privyseal_answer *answer)
{
    return ps_fail(PS_E_STATE, answer->status, "not ready: %.*s",
                   (int)(answer->body_len > 180 ? 180 : answer->body_len), answer->body);
}

enum readiness { NOT_YET, LOCKED, READY };

/* An error, with its reasons, when waiting does not help. */
static enum ps_err look_ready(const struct dev_gate *gate, bool is_last,
                              enum readiness *ret_readiness)
{
    PS_CLEANUP(privyseal_answer_clear) struct privyseal_answer answer = {.status = 0};

    PS_TRY(dev_call(gate, "GET", "/health/ready", NULL, &answer));
    *ret_readiness = answer.status == STATUS_READY ? READY : NOT_YET;
    if (*ret_readiness == READY) {
        return PS_OK;
    }
    if (answer.body != NULL && strstr(answer.body, "\"state\":\"locked\"") != NULL) {
        *ret_readiness = LOCKED;
        return PS_OK;
    }
    PS_TRY(check_pin(gate, &answer));
    if (is_last || (answer.body != NULL && strstr(answer.body, "\"state\":\"failed\"") != NULL)) {
        return not_ready(&answer);
    }
    return PS_OK;
}

static enum ps_err put_request(const struct dev *dev, bool is_blank, struct ps_buf *out)
{
    ps_buf_reset(out);
    ps_buf_printf(out,
                  "{\"token\":\"" DEV_TOKEN "\",\"initialise\":%s,\"log_key_type\":\"ed25519\","
                  "\"origin\":\"" DEV_ORIGIN "\",\"client\":\"operator\",",
                  is_blank ? "true" : "false");
    dev_put_operator(dev, out);
    ps_buf_put_u8(out, ',');
    PS_TRY(dev_put_people(dev, out));
    ps_buf_put_u8(out, '}');
    return ps_buf_status(out);
}

/* An appliance that had its genesis refuses another whatever it says, and whoever has left since.
 */
static enum ps_err put_any(enum ps_err people, struct ps_buf *out)
{
    if (people == PS_E_NOT_FOUND) {
        ps_buf_reset(out);
        ps_buf_put_str(out, "{}");
        return PS_OK;
    }
    return people;
}

/* Whether the token was initialised by a start that was killed before the log had its first leaf.
 */
static bool was_initialised(const struct privyseal_answer *answer)
{
    return answer->status == 409 && (strcmp(answer->problem.state, "needs-login") == 0 ||
                                     strcmp(answer->problem.state, "ready") == 0);
}

/* Asks for it until it waits for its people or there is one already. */
static enum ps_err ask(const struct dev_gate *gate, struct privyseal_answer *ret_answer)
{
    const uint64_t deadline = ps_clock_mono_ns() + GENESIS_NS;
    int wait_ms = RETRY_MS;
    bool is_blank = true;
    enum readiness readiness;
    PS_BUF_AUTO body;

    ps_buf_init(&body, REQUEST_MAX);
    for (;;) {
        PS_TRY(put_any(put_request(gate->dev, is_blank, &body), &body));
        PS_TRY(dev_call(gate, "POST", "/v1/genesis", &body, ret_answer));
        if (ret_answer->status == 202 || has_begun(ret_answer)) {
            return PS_OK;
        }
        if (!may_come(ret_answer) || ps_clock_mono_ns() > deadline) {
            return dev_refused("genesis", ret_answer);
        }
        is_blank = !was_initialised(ret_answer);
        privyseal_answer_clear(ret_answer);
        PS_TRY(look_ready(gate, false, &readiness));
        PS_TRY(dev_pause(gate->dev, wait_ms));
        wait_ms = wait_ms < RETRY_MAX_MS ? wait_ms * 2 : wait_ms;
    }
}

/* --- Until it works --- */

static bool is_approved(const struct privyseal_answer *system)
{
    PS_CLEANUP(json_free_cleanup) struct json *parser = NULL;
    char approved[DEV_TEXT_MAX];
    char present[DEV_TEXT_MAX];
    struct json_value root;
    struct json_value configuration;

    return json_new(&parser) != PS_OK ||
           json_parse(parser, ps_bytes(system->body, system->body_len), &JSON_LIMITS_REQUEST,
                      &root) != PS_OK ||
           !json_member(root, "configuration", &configuration) ||
           dev_take_text(configuration, "approved", approved, sizeof approved) != PS_OK ||
           dev_take_text(configuration, "present", present, sizeof present) != PS_OK ||
           strcmp(approved, present) == 0;
}

/*
 * With other options than before, or from another place, the security section of the configuration
 * is another one, which people approve.
 */
static enum ps_err unlock(const struct dev_gate *gate, enum dev_beginning *beginning)
{
    PS_CLEANUP(privyseal_answer_clear) struct privyseal_answer system = {.status = 0};
    PS_BUF_AUTO body = {.max = 16};

    PS_TRY(dev_call(gate, "GET", "/v1/system", NULL, &system));
    if (system.status != 200) {
        return dev_refused("/v1/system", &system);
    }
    if (is_approved(&system)) {
        *beginning = DEV_LOCKED;
        return PS_OK;
    }
    dev_say("The security section of its configuration has changed; its people approve it.");
    ps_buf_put_str(&body, "{}");
    return dev_change(gate, "POST", "/v1/configuration/approve", &body);
}

static bool is_another(const struct privyseal_answer *system)
{
    static const char *const reasons[] = {"\"unapproved-module\"", "\"unapproved-firmware\"",
                                          "\"unapproved-profile\""};

    for (size_t i = 0; system->body != NULL && i < PS_COUNT_OF(reasons); i++) {
        if (strstr(system->body, reasons[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/* With another release of what is installed, or of this program: the same token is as it is now. */
static enum ps_err approve_token(const struct dev_gate *gate, bool *is_asked)
{
    PS_CLEANUP(privyseal_answer_clear) struct privyseal_answer system = {.status = 0};
    PS_BUF_AUTO body = {.max = 16};

    if (*is_asked) {
        return PS_OK;
    }
    PS_TRY(dev_call(gate, "GET", "/v1/system", NULL, &system));
    if (!is_another(&system)) {
        return PS_OK;
    }
    *is_asked = true;
    dev_say("The module or the profile of its token has changed; its people approve it.");
    ps_buf_put_str(&body, "{}");
    return dev_change(gate, "POST", "/v1/tokens/" DEV_TOKEN "/approve", &body);
}

static enum ps_err wait_operational(const struct dev_gate *gate, enum dev_beginning *beginning)
{
    const uint64_t deadline = ps_clock_mono_ns() + READY_NS;
    int wait_ms = RETRY_MS;
    bool is_asked = false;

    for (;;) {
        enum readiness readiness;

        PS_TRY(look_ready(gate, ps_clock_mono_ns() > deadline, &readiness));
        if (readiness == READY) {
            return PS_OK;
        }
        if (readiness == LOCKED) {
            PS_TRY(unlock(gate, beginning));
        } else {
            PS_TRY(approve_token(gate, &is_asked));
        }
        if (*beginning == DEV_LOCKED) {
            return PS_OK;
        }
        PS_TRY(dev_pause(gate->dev, wait_ms));
        wait_ms = wait_ms < RETRY_MAX_MS ? wait_ms * 2 : wait_ms;
    }
}

enum ps_err dev_begin(const struct dev_gate *gate, enum dev_beginning *ret_beginning)
{
    PS_CLEANUP(privyseal_answer_clear) struct privyseal_answer asked = {.status = 0};
    PS_CLEANUP(privyseal_answer_clear) struct privyseal_answer done = {.status = 0};
    PS_CLEANUP(dev_waiting_clear) struct dev_waiting waiting = {.id = ""};

    PS_TRY(ask(gate, &asked));
    *ret_beginning = asked.status == 202 ? DEV_MADE : DEV_TAKEN_UP;
    if (*ret_beginning == DEV_MADE) {
        PS_TRY(dev_waiting_read(&asked, &waiting));
        PS_TRY(dev_finish(gate, &waiting, &done));
        if (!dev_is_done(&done)) {
            return dev_refused("genesis", &done);
        }
    }
    return wait_operational(gate, ret_beginning);
}
