#include "appliance/dev_internal.h"

#include "api/client/privyseal.h"
#include "lib/base/clock.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#define CALL_MS      120000u
#define GENESIS_NS   (60 * PS_NS_PER_S)
#define READY_NS     (20 * PS_NS_PER_S)
#define RETRY_MS     25
#define RETRY_MAX_MS 400
#define REQUEST_MAX  8192u
#define STATUS_READY 200

struct key {
    const char *name;
    const char *type;
    const char *usage;
    const char *formats;
    const char *algorithms;
};

static const struct key keys[] = {
#define DEV_KEY(name, type, usage, formats, algorithms) {name, type, usage, formats, algorithms},
#include "appliance/dev_keys.def"
#undef DEV_KEY
};

/* What the three clients may do; the operator got all of the management at genesis. */
static const char *const grants[] = {
    "{\"client\":\"oidc\",\"keys\":\"oidc.*\",\"operations\":[\"jws.sign\",\"jws.verify\","
    "\"keys.read\"]}",
    "{\"client\":\"certify\",\"keys\":\"certify.*\",\"operations\":[\"jws.sign\",\"jws.verify\","
    "\"cose.sign\",\"data-integrity.sign\",\"keys.read\"]}",
    "{\"client\":\"operator\",\"keys\":\"*\",\"operations\":[\"jws.sign\",\"jws.verify\","
    "\"raw.sign\",\"keys.read\"]}",
};

static const struct {
    const char *path;
    const char *body;
} sets[] = {
    {"/v1/jwks-sets/oidc", "{\"keys\":[\"oidc.*\"],\"max_age_s\":300}"},
    {"/v1/jwks-sets/certify", "{\"keys\":[\"certify.*\"],\"max_age_s\":300}"},
};

struct setup {
    struct dev *dev;
    struct privyseal *client;
};

static void close_client(struct privyseal **client)
{
    privyseal_close(*client);
}

/* Between requests the end of it all is noticed. */
static enum ps_err look_around(const struct dev *dev, int wait_ms)
{
    (void)poll(NULL, 0, wait_ms);
    return atomic_load(&dev->leaving) ? ps_fail(PS_E_STATE, 0, "given up") : PS_OK;
}

static enum ps_err call(const struct setup *setup, const char *method, const char *path,
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
    PS_TRY(look_around(setup->dev, 0));
    result = privyseal_call(setup->client, &request, ret_answer);
    if (result != PRIVYSEAL_OK && result != PRIVYSEAL_REFUSED) {
        return ps_fail(PS_E_STATE, (long)result, "%s %s: %s", method, path,
                       privyseal_last_error(setup->client));
    }
    return PS_OK;
}

static bool is_fine(const struct privyseal_answer *answer)
{
    return answer->status == 200 || answer->status == 201;
}

static enum ps_err refused(const char *what, const struct privyseal_answer *answer)
{
    return ps_fail(PS_E_STATE, answer->status, "%s: %d %s: %.100s %.40s", what, answer->status,
                   answer->problem.code, answer->problem.detail, answer->problem.state);
}

/* One change; 200 says that it is there already. */
static enum ps_err change(const struct setup *setup, const char *method, const char *path,
                          const struct ps_buf *body)
{
    PS_CLEANUP(privyseal_answer_clear) struct privyseal_answer answer = {.status = 0};

    PS_TRY(call(setup, method, path, body, &answer));
    return is_fine(&answer) ? PS_OK : refused(path, &answer);
}

/* The first client is the operator, by certificate and by the uid of whoever runs this. */
static void put_operator(const struct dev *dev, struct ps_buf *out)
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
static enum ps_err check_pin(const struct setup *setup, const struct privyseal_answer *answer)
{
    if (answer->body == NULL || strstr(answer->body, "\"wrong-pin\"") == NULL) {
        return PS_OK;
    }
    return ps_fail(PS_E_DENIED, 0, "the token refused the PIN in %s",
                   setup->dev->config->tokens[0].pin_file);
}

static enum ps_err not_ready(const struct privyseal_answer *answer)
{
    return ps_fail(PS_E_STATE, answer->status, "not ready: %.*s",
                   (int)(answer->body_len > 180 ? 180 : answer->body_len), answer->body);
}

/* Whether it is ready; an error, with its reasons, when it will not be by waiting. */
static enum ps_err look_ready(const struct setup *setup, bool is_last, bool *ret_ready)
{
    PS_CLEANUP(privyseal_answer_clear) struct privyseal_answer answer = {.status = 0};

    PS_TRY(call(setup, "GET", "/health/ready", NULL, &answer));
    *ret_ready = answer.status == STATUS_READY;
    if (*ret_ready) {
        return PS_OK;
    }
    PS_TRY(check_pin(setup, &answer));
    if (is_last || (answer.body != NULL && strstr(answer.body, "\"state\":\"failed\"") != NULL)) {
        return not_ready(&answer);
    }
    return PS_OK;
}

/* Until the token process has found its token this is refused; an appliance that is one refuses. */
static enum ps_err begin(const struct setup *setup, bool *ret_made)
{
    const uint64_t deadline = ps_clock_mono_ns() + GENESIS_NS;
    int wait_ms = RETRY_MS;
    PS_BUF_AUTO body;

    ps_buf_init(&body, REQUEST_MAX);
    ps_buf_put_str(&body, "{\"token\":\"" DEV_TOKEN "\",\"initialise\":true,\"log_key_type\":"
                          "\"ed25519\",\"origin\":\"" DEV_ORIGIN "\",\"client\":\"operator\",");
    put_operator(setup->dev, &body);
    ps_buf_put_u8(&body, '}');
    for (;;) {
        PS_CLEANUP(privyseal_answer_clear) struct privyseal_answer answer = {.status = 0};
        bool is_ready = false;

        PS_TRY(call(setup, "POST", "/v1/genesis", &body, &answer));
        if (is_fine(&answer) || has_begun(&answer)) {
            *ret_made = is_fine(&answer);
            return PS_OK;
        }
        if (!may_come(&answer) || ps_clock_mono_ns() > deadline) {
            return refused("genesis", &answer);
        }
        PS_TRY(look_ready(setup, false, &is_ready));
        PS_TRY(look_around(setup->dev, wait_ms));
        wait_ms = wait_ms < RETRY_MAX_MS ? wait_ms * 2 : wait_ms;
    }
}

static enum ps_err wait_operational(const struct setup *setup)
{
    const uint64_t deadline = ps_clock_mono_ns() + READY_NS;
    int wait_ms = RETRY_MS;

    for (;;) {
        bool is_ready = false;

        PS_TRY(look_ready(setup, ps_clock_mono_ns() > deadline, &is_ready));
        if (is_ready) {
            return PS_OK;
        }
        PS_TRY(look_around(setup->dev, wait_ms));
        wait_ms = wait_ms < RETRY_MAX_MS ? wait_ms * 2 : wait_ms;
    }
}

static enum ps_err register_clients(const struct setup *setup)
{
    PS_BUF_AUTO body;

    ps_buf_init(&body, REQUEST_MAX);
    for (size_t i = 0; i < DEV_CLIENT_MAX; i++) {
        ps_buf_reset(&body);
        ps_buf_printf(&body, "{\"name\":\"%s\",", dev_clients[i]);
        if (i == DEV_OPERATOR) {
            put_operator(setup->dev, &body);
        } else {
            ps_buf_printf(&body, "\"pins\":[\"%s\"]", setup->dev->pins[i]);
        }
        ps_buf_put_u8(&body, '}');
        PS_TRY(change(setup, "POST", "/v1/clients", &body));
    }
    return PS_OK;
}

static bool exists(const struct setup *setup, const char *name)
{
    PS_CLEANUP(privyseal_answer_clear) struct privyseal_answer answer = {.status = 0};
    char path[DEV_TEXT_MAX];

    (void)snprintf(path, sizeof path, "/v1/keys/%s", name);
    return call(setup, "GET", path, NULL, &answer) == PS_OK && answer.status == 200;
}

/* RSA keys take their time, so each new key is named. */
static enum ps_err make_keys(const struct setup *setup)
{
    PS_BUF_AUTO body;

    ps_buf_init(&body, REQUEST_MAX);
    for (size_t i = 0; i < PS_COUNT_OF(keys); i++) {
        const struct key *key = &keys[i];

        if (exists(setup, key->name)) {
            continue;
        }
        dev_say("  key %zu of %zu: %s (%s)", i + 1, PS_COUNT_OF(keys), key->name, key->type);
        ps_buf_reset(&body);
        ps_buf_printf(&body, "{\"name\":\"%s\",\"type\":\"%s\",\"usage\":\"%s\"", key->name,
                      key->type, key->usage);
        if (key->formats[0] != '\0') {
            ps_buf_printf(&body, ",\"formats\":[%s]", key->formats);
        }
        if (key->algorithms[0] != '\0') {
            ps_buf_printf(&body, ",\"algorithms\":[%s]", key->algorithms);
        }
        ps_buf_put_u8(&body, '}');
        PS_TRY(change(setup, "POST", "/v1/keys", &body));
    }
    return PS_OK;
}

static enum ps_err put_text(const struct setup *setup, const char *method, const char *path,
                            const char *text)
{
    PS_BUF_AUTO body;

    ps_buf_init(&body, REQUEST_MAX);
    ps_buf_put_str(&body, text);
    return change(setup, method, path, &body);
}

static enum ps_err add_grants_and_sets(const struct setup *setup)
{
    for (size_t i = 0; i < PS_COUNT_OF(grants); i++) {
        PS_TRY(put_text(setup, "POST", "/v1/grants", grants[i]));
    }
    for (size_t i = 0; i < PS_COUNT_OF(sets); i++) {
        PS_TRY(put_text(setup, "PUT", sets[i].path, sets[i].body));
    }
    return PS_OK;
}

enum ps_err dev_set_up(struct dev *dev)
{
    const struct privyseal_options options = {
        .socket = dev->config->management.socket,
        .timeout_ms = CALL_MS,
        .retries = 0,
    };
    PS_CLEANUP(close_client) struct privyseal *client = NULL;
    struct setup setup = {.dev = dev};
    bool made = false;

    if (privyseal_open(&options, &client) != PRIVYSEAL_OK) {
        return ps_fail(PS_E_INTERNAL, 0, "the client library cannot start");
    }
    setup.client = client;
    PS_TRY(begin(&setup, &made));
    PS_TRY(wait_operational(&setup));
    dev_say(made ? "Genesis is done: the token is initialised, the log has its key."
                 : "The appliance in this directory is taken up again.");
    PS_TRY(register_clients(&setup));
    PS_TRY(make_keys(&setup));
    return add_grants_and_sets(&setup);
}
