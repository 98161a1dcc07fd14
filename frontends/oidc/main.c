#include "frontends/oidc/clients.h"
#include "frontends/oidc/service.h"

static enum ps_err read_config(struct service *service, const char *path, struct ps_bytes text,
                               struct ps_buf *errors, struct program_settings *ret_settings)
{
    PS_TRY(oidc_config_parse(path, text, errors, &service->config));
    *ret_settings = (struct program_settings){
        .common = &service->config->common,
        .data = service->config->oidc.data,
        .log_level = service->config->oidc.log_level,
    };
    return PS_OK;
}

static enum ps_err open_own(struct service *service)
{
    return clients_open(service->config->oidc.data, &service->db);
}

static enum ps_err start(struct service *service, struct program *program)
{
    const struct settings_oidc *settings = &service->config->oidc;

    PS_TRY(json_new(&service->json));
    return jwks_new(
        program->calls,
        &(struct jwks_options){.set = settings->jwks_set, .fresh_s = settings->jwks_fresh_s},
        &service->jwks);
}

static void clear(struct service *service)
{
    jwks_free(service->jwks);
    json_free(service->json);
    db_close(service->db);
    oidc_config_free(service->config);
}

static const struct program_kind kind = {
    .name = "privyseal-oidc",
    .process = "oidc",
    .public = &oidc_public,
    .management = &oidc_management,
    .refuse_caller = oidc_refuse_caller,
    .read = read_config,
    .open = open_own,
    .start = start,
    .clear = clear,
};

int main(int argc, char **argv)
{
    struct service service = {.config = NULL};

    return program_main(&kind, &service, argc, argv);
}
