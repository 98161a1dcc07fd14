#include "frontends/oidc/clients.h"
#include "frontends/oidc/pages/visitor.h"
#include "frontends/oidc/service.h"
#include "lib/base/clock.h"
#include "lib/base/line.h"
#include "lib/system/file.h"

#define BOOT_ID_MAX 64u
#define SWEEP_S     5u

/* Consents and relying parties that may wait to be written; each has a request that waits. */
#define CHANGES_MAX 4096u

static struct program_settings take(struct service *service, void *config)
{
    const struct oidc_config *own = service->config = config;

    return (struct program_settings){&own->common, own->oidc.data, own->oidc.log_level};
}

static enum ps_err open_store(struct service *service)
{
    const struct settings_oidc *settings = &service->config->oidc;
    const struct store_limits limits = {settings->transactions, settings->transactions_share};
    struct store_place place = {.directory = settings->data, .db = service->db};
    PS_BUF_AUTO boot = {.max = 0};

    PS_TRY(file_read("/proc/sys/kernel/random/boot_id", BOOT_ID_MAX, &boot));
    place.boot = ps_buf_bytes(&boot);
    return oidc_store_open(&place, &limits, ps_clock_real_ns() / PS_NS_PER_S, &service->store);
}

static enum ps_err read_acrs(struct service *service)
{
    const char *path = service->config->oidc.acr_file;

    if (path[0] != '\0') {
        PS_TRY(file_read(path, ACR_FILE_MAX, &service->acr_text));
    }
    return acr_new(ps_buf_bytes(&service->acr_text), &service->acrs);
}

static enum ps_err open_own(struct service *service)
{
    const struct settings_oidc *settings = &service->config->oidc;

    places_init(&service->places, settings->url, settings->issuer);
    PS_TRY(read_acrs(service));
    PS_TRY(files_open(&service->files, service->config->pages.logo));
    PS_TRY(clients_open(settings->data, &service->db));
    PS_TRY(open_store(service));
    return clients_open(settings->data, &service->written);
}

static void write_line(const char *plugin, const char *event, const char *detail)
{
    ps_line(PS_INFO, event, PS_STR("plugin", plugin), PS_STR("detail", detail));
}

static enum ps_err load_plugins(struct service *service, struct ps_loop *loop)
{
    const struct settings_authenticator *settings = &service->config->authenticator;
    const struct authenticator_options options = {
        .path = settings->plugin,
        .config = settings->config,
        .threads = settings->threads,
        .waiting = settings->waiting,
        .log = write_line,
    };

    service->factors = "";
    if (settings->plugin[0] == '\0') {
        return PS_OK;
    }
    PS_TRY(authenticator_open(&options, loop, &service->authenticator));
    service->factors = authenticator_description(service->authenticator)->factors;
    ps_line(PS_INFO, "plugin_loaded", PS_STR("plugin", authenticator_name(service->authenticator)),
            PS_STR("path", settings->plugin), PS_STR("factors", service->factors));
    return PS_OK;
}

static void put_places(const struct service *service, struct program_places *places)
{
    const struct privyseal_auth_description *has;

    if (service->authenticator != NULL) {
        has = authenticator_description(service->authenticator);
        ps_buf_printf(&places->readable, "%s\n", has->readable);
        ps_buf_printf(&places->writable, "%s\n", has->writable);
    }
}

static enum ps_err start_plugins(struct service *service)
{
    const struct settings_oidc *settings = &service->config->oidc;

    service->limits = (struct attempts_limits){
        .per_transaction = settings->tries_per_login,
        .per_source = settings->tries_per_address,
        .per_individual = settings->tries_per_person,
        .per_address = settings->tries_from_address,
        .window_s = settings->tries_window_s,
    };
    PS_TRY(attempts_new(service->store, &service->limits, &service->attempts));
    return service->authenticator == NULL ? PS_OK : authenticator_start(service->authenticator);
}

static void on_sweep(void *context)
{
    struct service *service = context;

    if (store_sweep(service->store, ps_clock_real_ns() / PS_NS_PER_S) != PS_OK) {
        ps_line(PS_ERROR, "not_swept", PS_STR("why", ps_detail()->text));
    }
    ps_timer_set_in(service->sweep, SWEEP_S * PS_NS_PER_S);
}

static enum ps_err start(struct service *service, struct program *program)
{
    const struct settings_oidc *settings = &service->config->oidc;

    PS_TRY(json_new(&service->json));
    for (size_t i = 0; i < PS_COUNT_OF(service->readers); i++) {
        PS_TRY(json_new(&service->readers[i]));
    }
    PS_TRY(ps_timer_new(program->loop, on_sweep, service, &service->sweep));
    ps_timer_set_in(service->sweep, SWEEP_S * PS_NS_PER_S);
    service->calls = program->calls;
    PS_TRY(commits_new(program->loop, service->written, CHANGES_MAX, &service->commits));
    PS_TRY(start_plugins(service));
    return jwks_new(
        program->calls,
        &(struct jwks_options){.set = settings->jwks_set, .fresh_s = settings->jwks_fresh_s},
        &service->jwks);
}

static void clear(struct service *service)
{
    authenticator_close(service->authenticator);
    commits_free(service->commits);
    attempts_free(service->attempts);
    jwks_free(service->jwks);
    ps_timer_free(service->sweep);
    for (size_t i = 0; i < PS_COUNT_OF(service->readers); i++) {
        json_free(service->readers[i]);
    }
    json_free(service->json);
    store_close(service->store);
    acr_free(service->acrs);
    ps_buf_clear(&service->acr_text);
    files_clear(&service->files);
    db_close(service->written);
    db_close(service->db);
}

static const struct program_kind kind = {
    .name = "privyseal-oidc",
    .process = "oidc",
    .public = &oidc_public,
    .management = &oidc_management,
    .exchange_own = sizeof(struct visitor),
    .plain_query = true,
    .refuse_caller = oidc_refuse_caller,
    .service_size = sizeof(struct service),
    .form = &oidc_config_form,
    .take = take,
    .open = open_own,
    .load = load_plugins,
    .put_places = put_places,
    .start = start,
    .clear = clear,
};

int main(int argc, char **argv)
{
    return program_main(&kind, argc, argv);
}
