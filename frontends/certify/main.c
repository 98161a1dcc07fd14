#include "frontends/certify/did.h"
#include "frontends/certify/ldp_vc.h"
#include "frontends/certify/metadata.h"
#include "frontends/certify/service.h"
#include "lib/base/clock.h"
#include "lib/base/line.h"

static struct program_settings take(struct service *service, void *config)
{
    const struct certify_config *own = service->config = config;

    return (struct program_settings){&own->common, own->certify.data, own->certify.log_level};
}

static enum ps_err put_names(struct service *service)
{
    const struct certify_config *config = service->config;
    const struct ps_bytes origin = ps_bytes(config->certify.issuer, certify_origin_len(config));

    ps_buf_init(&service->did, 1024);
    ps_buf_init(&service->audience, 4096);
    ps_buf_init(&service->endpoint, 1024);
    did_put_web(origin, &service->did);
    ps_buf_put(&service->endpoint, origin);
    ps_buf_put_str(&service->endpoint, METADATA_CREDENTIAL_PATH);
    if (config->tokens.audience[0] != '\0') {
        ps_buf_put_str(&service->audience, config->tokens.audience);
    } else {
        ps_buf_put(&service->audience, ps_buf_bytes(&service->endpoint));
    }
    ps_buf_put_u8(&service->endpoint, '\0');
    PS_TRY(ps_buf_status(&service->did));
    PS_TRY(ps_buf_status(&service->endpoint));
    return ps_buf_status(&service->audience);
}

/* One that cannot be issued any more keeps the others from nothing. */
static void check_configurations(const struct service *service)
{
    const struct configuration *one;

    for (size_t i = 0; (one = configurations_at(service->configurations, i)) != NULL; i++) {
        if (one->format == CREDENTIAL_LDP_VC && ldp_vc_check(one, service->contexts) != PS_OK) {
            ps_line(PS_ERROR, "configuration_not_usable", PS_TEXT("configuration", one->id),
                    PS_STR("why", ps_detail()->text));
        }
    }
}

static enum ps_err open_own(struct service *service)
{
    const struct certify_config *config = service->config;

    PS_TRY(put_names(service));
    PS_TRY(contexts_read(config->certify.contexts, &service->contexts));
    PS_TRY(configurations_open(config->certify.data, &service->configurations));
    check_configurations(service);
    for (; service->provider_count < config->provider_count; service->provider_count++) {
        PS_TRY(provider_open(&config->providers[service->provider_count],
                             &service->providers[service->provider_count]));
    }
    return PS_OK;
}

static void put_places(const struct service *service, struct program_places *places)
{
    const struct certify_config *config = service->config;

    program_put_directory(config->tokens.jwks_file, &places->readable);
    program_put_directory(config->tokens.jwks_ca, &places->readable);
    for (size_t i = 0; i < config->provider_count; i++) {
        ps_buf_printf(&places->readable, "%s\n", config->providers[i].readable);
        ps_buf_printf(&places->writable, "%s\n", config->providers[i].writable);
    }
}

static enum ps_err put_proof_keys(void *context, struct ps_buf *names)
{
    const struct service *service = context;

    return configurations_put_proof_keys(service->configurations, names);
}

static enum ps_err convert(void *context, struct ps_bytes set, struct ps_bytes keys,
                           struct ps_buf *out)
{
    const struct service *service = context;

    return did_put_document(ps_buf_bytes(&service->did), set, keys, out);
}

static enum ps_err start(struct service *service, struct program *program)
{
    const struct settings_certify *settings = &service->config->certify;
    const struct settings_tokens *tokens = &service->config->tokens;
    const struct token_keys_options keys = {
        .file = tokens->jwks_file,
        .url = tokens->jwks_url,
        .socket = tokens->jwks_socket,
        .ca = tokens->jwks_ca,
        .fresh_s = tokens->jwks_fresh_s,
        .timeout_ms = service->config->common.appliance.timeout_ms,
    };
    struct jwks_options set = {.set = settings->jwks_set, .fresh_s = settings->jwks_fresh_s};

    service->calls = program->calls;
    PS_TRY(json_new(&service->json));
    PS_TRY(issuer_keys_new(&service->issuer_keys));
    PS_TRY(wallet_nonces_new(settings->nonce_ttl_s, ps_clock_real_ns() / PS_NS_PER_S,
                             &service->nonces));
    PS_TRY(token_keys_new(program->calls, &keys, &service->token_keys));
    PS_TRY(jwks_new(program->calls, &set, &service->jwks));
    set.convert = convert;
    set.put_names = put_proof_keys;
    set.context = service;
    return jwks_new(program->calls, &set, &service->did_document);
}

static void clear(struct service *service)
{
    jwks_free(service->jwks);
    jwks_free(service->did_document);
    token_keys_free(service->token_keys);
    wallet_nonces_free(service->nonces);
    json_free(service->json);
    for (size_t i = 0; i < service->provider_count; i++) {
        provider_close(&service->providers[i]);
    }
    configurations_close(service->configurations);
    issuer_keys_free(service->issuer_keys);
    jsonld_contexts_free(service->contexts);
    ps_buf_clear(&service->did);
    ps_buf_clear(&service->audience);
    ps_buf_clear(&service->endpoint);
}

static const struct program_kind kind = {
    .name = "privyseal-certify",
    .process = "certify",
    .public = &certify_public,
    .management = &certify_management,
    .refuse_caller = certify_refuse_caller,
    .service_size = sizeof(struct service),
    .form = &certify_config_form,
    .take = take,
    .open = open_own,
    .put_places = put_places,
    .start = start,
    .clear = clear,
};

int main(int argc, char **argv)
{
    return program_main(&kind, argc, argv);
}
