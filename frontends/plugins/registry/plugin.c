#include "frontends/plugins/registry/asked.h"
#include "frontends/plugins/registry/knowledge.h"
#include "frontends/plugins/registry/registry.h"
#include "lib/base/hash.h"
#include "lib/formats/json/json.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

struct plugin {
    const struct privyseal_auth_host *host;
    struct registry registry;
};

typedef void answer_fn(struct registry *registry, const struct privyseal_auth_request *request,
                       struct registry_said *said, struct privyseal_auth_answer *ret_answer);

struct errand {
    struct plugin *plugin;
    uint64_t call;
    answer_fn *fn;
    struct asked *asked;
};

static void work(void *context)
{
    struct errand *errand = context;
    struct plugin *plugin = errand->plugin;
    struct registry_said said = {.one = PS_BUF_SECRET(PRIVYSEAL_AUTH_CLAIMS_MAX),
                                 .two = PS_BUF_SECRET(PRIVYSEAL_AUTH_ID_MAX),
                                 .metadata = {.max = PRIVYSEAL_AUTH_CLAIMS_MAX},
                                 .mail = PS_BUF_SECRET(PERSON_VALUE_MAX)};
    struct privyseal_auth_answer answer;

    errand->fn(&plugin->registry, &errand->asked->request, &said, &answer);
    plugin->host->answer(plugin->host, errand->call, &answer);
    if (registry_mail(&plugin->registry, &errand->asked->request, &said) != PS_OK) {
        plugin->host->log(plugin->host, "otp_not_mailed", ps_detail()->text);
    }
    if (registry_tidy(&plugin->registry) != PS_OK) {
        plugin->host->log(plugin->host, "no_checkpoint", ps_detail()->text);
    }
    registry_said_clear(&said);
    asked_free(errand->asked);
    free(errand);
    /* The thread is the host's, which knows nothing of what our own libraries keep for it. */
    ps_hash_end_thread();
    json_end_thread();
}

static void begin(struct plugin *plugin, uint64_t call,
                  const struct privyseal_auth_request *request, answer_fn *fn)
{
    static const char full[] = "too much waits for the registry";
    const struct privyseal_auth_answer away = {.result = PRIVYSEAL_AUTH_AWAY,
                                               .detail = {full, sizeof full - 1}};
    struct errand *errand = calloc(1, sizeof *errand);
    struct asked *asked = asked_new(request);

    if (errand != NULL && asked != NULL) {
        *errand = (struct errand){.plugin = plugin, .call = call, .fn = fn, .asked = asked};
        if (plugin->host->run(plugin->host, work, errand) == 0) {
            return;
        }
    }
    asked_free(asked);
    free(errand);
    plugin->host->answer(plugin->host, call, &away);
}

static void send_otp(void *plugin, uint64_t call, const struct privyseal_auth_request *request)
{
    begin(plugin, call, request, registry_send_otp);
}

static void authenticate(void *plugin, uint64_t call, const struct privyseal_auth_request *request)
{
    begin(plugin, call, request, registry_authenticate);
}

static void exchange(void *plugin, uint64_t call, const struct privyseal_auth_request *request)
{
    begin(plugin, call, request, registry_exchange);
}

static void close_plugin(void *context)
{
    struct plugin *plugin = context;

    registry_close(&plugin->registry);
    curl_global_cleanup();
    free(plugin);
}

static int fail(struct plugin *plugin, const char *why, char *ret_error)
{
    (void)snprintf(ret_error, PRIVYSEAL_AUTH_ERROR_MAX, "%s", why);
    if (plugin != NULL) {
        close_plugin(plugin);
    }
    return -1;
}

static int open_plugin(const char *config, const struct privyseal_auth_host *host,
                       void **ret_plugin, struct privyseal_auth_description *ret_description,
                       char *ret_error)
{
    struct plugin *plugin = calloc(1, sizeof *plugin);

    if (plugin == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(plugin);
        return fail(NULL, "out of memory", ret_error);
    }
    plugin->host = host;
    if (registry_open(config, &plugin->registry) != PS_OK) {
        return fail(plugin, ps_detail()->text, ret_error);
    }
    ret_description->otp_channels = delivery_channels(plugin->registry.config);
    ret_description->factors =
        ret_description->otp_channels[0] == '\0' ? "PIN PWD KBI" : "OTP PIN PWD KBI";
    ret_description->kbi_form = knowledge_form;
    ret_description->readable = "";
    ret_description->writable = (const char *)plugin->registry.writable.data;
    *ret_plugin = plugin;
    return 0;
}

static int start_plugin(void *plugin, char *ret_error)
{
    (void)plugin;
    (void)ret_error;
    return 0;
}

const struct privyseal_authenticator privyseal_authenticator = {
    .abi = PRIVYSEAL_AUTHENTICATOR_ABI,
    .size = sizeof privyseal_authenticator,
    .name = "registry",
    .version = PRIVYSEAL_VERSION,
    .open = open_plugin,
    .start = start_plugin,
    .close = close_plugin,
    .send_otp = send_otp,
    .authenticate = authenticate,
    .exchange = exchange,
};
