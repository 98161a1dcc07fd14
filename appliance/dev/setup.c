#include "appliance/dev/gate.h"
#include "lib/base/clock.h"

#include <stdio.h>

#define REQUEST_MAX 8192u

struct key {
    const char *name;
    const char *type;
    const char *usage;
    const char *formats;
    const char *algorithms;
};

static const struct key keys[] = {
#define DEV_KEY(name, type, usage, formats, algorithms) {name, type, usage, formats, algorithms},
#include "appliance/dev/keys.def"
#undef DEV_KEY
};

/* What the three clients may do; the operator got all of the management at genesis. */
static const char *const grants[] = {
    "{\"client\":\"oidc\",\"keys\":\"oidc.*\",\"operations\":[\"jws.sign\",\"jws.verify\","
    "\"jwe.encrypt\",\"jwe.decrypt\",\"keys.read\"]}",
    "{\"client\":\"certify\",\"keys\":\"certify.*\",\"operations\":[\"jws.sign\",\"jws.verify\","
    "\"cose.sign\",\"cose.verify\",\"data-integrity.sign\",\"cms.sign\",\"keys.read\"]}",
    "{\"client\":\"operator\",\"keys\":\"*\",\"operations\":[\"jws.sign\",\"jws.verify\","
    "\"raw.sign\",\"cose.sign\",\"cose.verify\",\"data-integrity.sign\",\"cms.sign\",\"mac\","
    "\"encrypt\",\"decrypt\",\"jwe.encrypt\",\"jwe.decrypt\",\"keys.read\"]}",
};

static const struct {
    const char *path;
    const char *body;
} sets[] = {
    {"/v1/jwks-sets/oidc", "{\"keys\":[\"oidc.*\"],\"max_age_s\":300}"},
    {"/v1/jwks-sets/certify", "{\"keys\":[\"certify.*\"],\"max_age_s\":300}"},
};

static enum ps_err register_clients(const struct dev_gate *gate)
{
    PS_BUF_AUTO body;

    ps_buf_init(&body, REQUEST_MAX);
    for (size_t i = 0; i < DEV_CLIENT_MAX; i++) {
        ps_buf_reset(&body);
        ps_buf_printf(&body, "{\"name\":\"%s\",", dev_clients[i]);
        if (i == DEV_OPERATOR) {
            dev_put_operator(gate->dev, &body);
        } else {
            ps_buf_printf(&body, "\"pins\":[\"%s\"]", gate->dev->pins[i]);
        }
        ps_buf_put_u8(&body, '}');
        PS_TRY(dev_change(gate, "POST", "/v1/clients", &body));
    }
    return PS_OK;
}

static bool exists(const struct dev_gate *gate, const char *name)
{
    PS_CLEANUP(privyseal_answer_clear) struct privyseal_answer answer = {.status = 0};
    char path[DEV_TEXT_MAX];

    (void)snprintf(path, sizeof path, "/v1/keys/%s", name);
    return dev_call(gate, "GET", path, NULL, &answer) == PS_OK && answer.status == 200;
}

/* RSA keys take their time, so each new key is named. */
static enum ps_err make_keys(const struct dev_gate *gate)
{
    PS_BUF_AUTO body;

    ps_buf_init(&body, REQUEST_MAX);
    for (size_t i = 0; i < PS_COUNT_OF(keys); i++) {
        const struct key *key = &keys[i];

        if (exists(gate, key->name)) {
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
        PS_TRY(dev_change(gate, "POST", "/v1/keys", &body));
    }
    return PS_OK;
}

static enum ps_err put_text(const struct dev_gate *gate, const char *method, const char *path,
                            const char *text)
{
    PS_BUF_AUTO body;

    ps_buf_init(&body, REQUEST_MAX);
    ps_buf_put_str(&body, text);
    return dev_change(gate, method, path, &body);
}

static enum ps_err add_grants_and_sets(const struct dev_gate *gate)
{
    for (size_t i = 0; i < PS_COUNT_OF(grants); i++) {
        PS_TRY(put_text(gate, "POST", "/v1/grants", grants[i]));
    }
    for (size_t i = 0; i < PS_COUNT_OF(sets); i++) {
        PS_TRY(put_text(gate, "PUT", sets[i].path, sets[i].body));
    }
    return PS_OK;
}

/* Of a start that was killed: its operations wait for signatures, with their names taken. */
static enum ps_err finish_left(const struct dev_gate *gate, struct dev_waiting *waiting,
                               void *context)
{
    PS_CLEANUP(privyseal_answer_clear) struct privyseal_answer answer = {.status = 0};

    (void)context;
    if (!waiting->is_ours) {
        return PS_OK;
    }
    PS_TRY(dev_finish(gate, waiting, &answer));
    if (!dev_is_done(&answer)) {
        dev_say("  an operation of an earlier start stays as it is: %s %s: %s", waiting->type,
                waiting->id, answer.problem.detail);
    }
    return PS_OK;
}

static enum ps_err make_all(const struct dev_gate *gate)
{
    static const char *const said[] = {
        [DEV_MADE] = "Genesis is done, signed by four officers and two auditors: the token is "
                     "initialised, the log has its key.",
        [DEV_TAKEN_UP] = "The appliance in this directory is taken up again.",
        [DEV_LOCKED] =
            "It is locked: by its officers (`privyseal unlock --requester officer-1`, then "
            "`privyseal "
            "dev approve-all`), or it waits for their shares of the PIN (`privyseal console`).",
    };
    enum dev_beginning beginning;

    PS_TRY(dev_begin(gate, &beginning));
    dev_say("%s", said[beginning]);
    if (beginning == DEV_LOCKED) {
        return PS_OK;
    }
    if (beginning == DEV_TAKEN_UP) {
        PS_TRY(dev_wait_executing(gate));
        PS_TRY(dev_each_waiting(gate, finish_left, NULL));
    }
    PS_TRY(register_clients(gate));
    PS_TRY(make_keys(gate));
    PS_TRY(add_grants_and_sets(gate));
    PS_TRY(dev_obtain_certificates(gate));
    return gate->dev->config->tokens[0].attended ? dev_split_pin(gate) : PS_OK;
}

enum ps_err dev_set_up(struct dev *dev)
{
    PS_CLEANUP(dev_gate_close) struct dev_gate gate = {.dev = dev};

    PS_TRY(dev_gate_open(dev, &gate));
    return make_all(&gate);
}
