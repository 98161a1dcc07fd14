#include "frontends/plugins/http/config.h"
#include "frontends/plugins/http/identity.h"
#include "frontends/plugins/http/wire.h"
#include "frontends/plugins/privyseal_authenticator.h"
#include "lib/base/clock.h"
#include "lib/system/file.h"

#include <stdio.h>
#include <stdlib.h>

#define PEM_MAX    (1024u * 1024u)
#define URL_MAX    4096u
#define BODY_MAX   (PRIVYSEAL_AUTH_CHALLENGES * PRIVYSEAL_AUTH_CHALLENGE_MAX * 2)
#define ANSWER_MAX (2 * PRIVYSEAL_AUTH_CLAIMS_MAX)

struct plugin {
    const struct privyseal_auth_host *host;
    struct identity_config *config;
    struct wire *wire;
    struct json *json; /* of the wire's thread */
};

struct errand {
    struct transfer transfer; /* first: a transfer is its errand */
    struct plugin *plugin;
    uint64_t call;
    enum identity_call kind;
};

static void drop(struct transfer *transfer)
{
    ps_buf_clear(&transfer->url);
    ps_buf_clear(&transfer->body);
    ps_buf_clear(&transfer->answer);
    free(transfer);
}

static void answer_with(const struct plugin *plugin, uint64_t call,
                        enum privyseal_auth_result result, const char *why)
{
    const struct privyseal_auth_answer answer = {.result = result, .detail = {why, strlen(why)}};

    plugin->host->answer(plugin->host, call, &answer);
}

static void done(struct transfer *transfer, long status, const char *why)
{
    const struct errand *errand = (const struct errand *)(const void *)transfer;
    struct plugin *plugin = errand->plugin;
    struct privyseal_auth_answer answer;

    if (status == 0) {
        answer_with(plugin, errand->call, PRIVYSEAL_AUTH_AWAY, why);
    } else {
        identity_read(plugin->json, errand->kind, status, ps_buf_bytes(&transfer->answer), &answer);
        plugin->host->answer(plugin->host, errand->call, &answer);
        json_forget(plugin->json);
    }
    drop(transfer);
}

static enum ps_err prepare(struct errand *errand, const struct privyseal_auth_request *request)
{
    struct transfer *transfer = &errand->transfer;

    transfer->url = (struct ps_buf){.max = URL_MAX};
    transfer->body = PS_BUF_SECRET(BODY_MAX);
    transfer->answer = PS_BUF_SECRET(ANSWER_MAX);
    transfer->post = errand->kind != IDENTITY_KEYS;
    transfer->timeout_ms = request->timeout_ms;
    transfer->done = done;
    transfer->drop = drop;
    identity_put_url(errand->plugin->config->url, errand->kind, request, &transfer->url);
    ps_buf_put_u8(&transfer->url, '\0');
    PS_TRY(ps_buf_status(&transfer->url));
    PS_TRY(identity_put_body(errand->kind, request, ps_clock_real_ns(), &transfer->body));
    return wire_send(errand->plugin->wire, transfer);
}

static void begin(struct plugin *plugin, uint64_t call,
                  const struct privyseal_auth_request *request, enum identity_call kind)
{
    struct errand *errand = calloc(1, sizeof *errand);
    enum ps_err err;

    if (errand == NULL) {
        answer_with(plugin, call, PRIVYSEAL_AUTH_AWAY, "out of memory");
        return;
    }
    errand->plugin = plugin;
    errand->call = call;
    errand->kind = kind;
    err = prepare(errand, request);
    if (err != PS_OK) {
        answer_with(plugin, call,
                    err == PS_E_INPUT || err == PS_E_LIMIT ? PRIVYSEAL_AUTH_REFUSED
                                                           : PRIVYSEAL_AUTH_AWAY,
                    ps_detail()->text);
        drop(&errand->transfer);
    }
}

static void send_otp(void *plugin, uint64_t call, const struct privyseal_auth_request *request)
{
    begin(plugin, call, request, IDENTITY_SEND_OTP);
}

static void authenticate(void *plugin, uint64_t call, const struct privyseal_auth_request *request)
{
    begin(plugin, call, request, IDENTITY_AUTHENTICATE);
}

static void exchange(void *plugin, uint64_t call, const struct privyseal_auth_request *request)
{
    begin(plugin, call, request, IDENTITY_EXCHANGE);
}

static void certificates(void *plugin, uint64_t call, const struct privyseal_auth_request *request)
{
    begin(plugin, call, request, IDENTITY_KEYS);
}

static enum ps_err read_config(const char *path, struct plugin *plugin)
{
    PS_BUF_AUTO text = {.max = CONFIG_FILE_MAX};
    PS_BUF_AUTO errors = {.max = 65536};
    void *config;

    PS_TRY(file_read(path, CONFIG_FILE_MAX, &text));
    PS_TRY(config_form_parse(&identity_config_form, path, ps_buf_bytes(&text), &errors, &config));
    plugin->config = config;
    return PS_OK;
}

/* What only its owner can read is opened as such. */
static enum ps_err read_pem(const char *path, bool private, struct ps_buf *out)
{
    if (path[0] == '\0') {
        return PS_OK;
    }
    if (private) {
        PS_CLEANUP(file_close_cleanup) int fd = -1;

        PS_TRY(file_open_private(path, &fd));
        return file_read_secret(path, PEM_MAX, out);
    }
    return file_read(path, PEM_MAX, out);
}

static enum ps_err make_wire(struct plugin *plugin)
{
    const struct identity_config *config = plugin->config;
    PS_BUF_AUTO ca = {.max = 0};
    PS_BUF_AUTO certificate = {.max = 0};
    PS_BUF_AUTO key = PS_BUF_SECRET(0);
    struct wire_options options = {.connections = (long)config->connections,
                                   .waiting = (size_t)config->waiting};

    PS_TRY(read_pem(config->ca, false, &ca));
    PS_TRY(read_pem(config->certificate, false, &certificate));
    PS_TRY(read_pem(config->key, true, &key));
    options.ca = ps_buf_bytes(&ca);
    options.certificate = ps_buf_bytes(&certificate);
    options.key = ps_buf_bytes(&key);
    return wire_new(&options, &plugin->wire);
}

static enum ps_err open_all(struct plugin *plugin, const char *config)
{
    PS_TRY(json_new(&plugin->json));
    PS_TRY(read_config(config, plugin));
    return make_wire(plugin);
}

static void close_plugin(void *context)
{
    struct plugin *plugin = context;

    wire_free(plugin->wire);
    config_form_free(&identity_config_form, plugin->config);
    json_free(plugin->json);
    curl_global_cleanup();
    free(plugin);
}

static int open_plugin(const char *config, const struct privyseal_auth_host *host,
                       void **ret_plugin, struct privyseal_auth_description *ret_description,
                       char *ret_error)
{
    struct plugin *plugin = calloc(1, sizeof *plugin);

    if (plugin == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        (void)snprintf(ret_error, PRIVYSEAL_AUTH_ERROR_MAX, "out of memory");
        free(plugin);
        return -1;
    }
    plugin->host = host;
    if (open_all(plugin, config) != PS_OK) {
        (void)snprintf(ret_error, PRIVYSEAL_AUTH_ERROR_MAX, "%s", ps_detail()->text);
        close_plugin(plugin);
        return -1;
    }
    ret_description->factors = plugin->config->factors;
    ret_description->otp_channels = plugin->config->otp_channels;
    *ret_plugin = plugin;
    return 0;
}

static int start_plugin(void *context, char *ret_error)
{
    const struct plugin *plugin = context;

    if (wire_start(plugin->wire) != PS_OK) {
        (void)snprintf(ret_error, PRIVYSEAL_AUTH_ERROR_MAX, "%s", ps_detail()->text);
        return -1;
    }
    return 0;
}

const struct privyseal_authenticator privyseal_authenticator = {
    .abi = PRIVYSEAL_AUTHENTICATOR_ABI,
    .size = sizeof privyseal_authenticator,
    .name = "http",
    .version = PRIVYSEAL_VERSION,
    .open = open_plugin,
    .start = start_plugin,
    .close = close_plugin,
    .send_otp = send_otp,
    .authenticate = authenticate,
    .exchange = exchange,
    .certificates = certificates,
};
