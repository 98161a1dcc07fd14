#include "frontends/certify/config.h"

#include "lib/base/name.h"

#include <stdlib.h>

#define PROVIDER_NAME_MAX 64u

enum { SECTION_certify, SECTION_tokens, SECTION_provider, SETTINGS_SECTION_NUMBERS };

static const struct config_key keys[] = {
#define CONFIG_KEY SETTINGS_ROW
#include "frontends/certify/keys.def"
#include "frontends/shared/settings.def"
#undef CONFIG_KEY
};

static const struct config_section_info sections[] = {
    {"certify", SECTION_certify, offsetof(struct certify_config, certify)},
    {"tokens", SECTION_tokens, offsetof(struct certify_config, tokens)},
    {"provider", SECTION_provider, 0},
    SETTINGS_SECTIONS(struct certify_config),
};

static enum ps_err add_provider(void *context, struct ps_bytes name, void **ret_values,
                                const char **ret_name)
{
    struct certify_config *config = context;
    struct settings_provider *provider = &config->providers[config->provider_count];

    if (!ps_name_valid(name) || name.len > PROVIDER_NAME_MAX) {
        return ps_fail(PS_E_INPUT, 0, "a provider's section is [provider NAME]");
    }
    for (size_t i = 0; i < config->provider_count; i++) {
        if (ps_bytes_equal_str(name, config->providers[i].name)) {
            return ps_fail(PS_E_CONFLICT, 0, "there is such a provider already");
        }
    }
    if (config->provider_count == CONFIG_PROVIDERS_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "at most %u providers", CONFIG_PROVIDERS_MAX);
    }
    config->provider_count++;
    provider->name = ps_bytes_to_str(name);
    if (provider->name == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    *ret_values = provider;
    *ret_name = provider->name;
    return PS_OK;
}

static const struct config_named named = {.section = SECTION_provider, .add = add_provider};

static const struct config_table table = {
    .keys = keys,
    .key_count = PS_COUNT_OF(keys),
    .sections = sections,
    .section_count = PS_COUNT_OF(sections),
    .named = &named,
};

#define SCHEME     "https://"
#define SCHEME_LEN (sizeof SCHEME - 1)

size_t certify_origin_len(const struct certify_config *config)
{
    return SCHEME_LEN + strcspn(config->certify.issuer + SCHEME_LEN, "/");
}

/* What is told to wallets, and stands in JSON and in a DID: a host in lower case, and a port. */
static bool is_issuer(const char *issuer)
{
    size_t len;

    if (strncmp(issuer, SCHEME, SCHEME_LEN) != 0) {
        return false;
    }
    len = strspn(issuer + SCHEME_LEN, "abcdefghijklmnopqrstuvwxyz0123456789.-");
    issuer += SCHEME_LEN + len;
    if (*issuer == ':') {
        const size_t port = strspn(issuer + 1, "0123456789");

        len = port == 0 ? 0 : len;
        issuer += 1 + port;
    }
    return len != 0 && (*issuer == '\0' || strcmp(issuer, "/v1/certify") == 0);
}

static void check_tokens(const struct settings_tokens *tokens, const char *path,
                         struct ps_buf *errors)
{
    const bool by_file = tokens->jwks_file[0] != '\0';
    const bool by_socket = tokens->jwks_socket[0] != '\0';

    if (by_file == (tokens->jwks_url[0] != '\0')) {
        config_put_error(errors, path, 0, "[tokens] needs either jwks_file or jwks_url");
    } else if (!by_file && strncmp(tokens->jwks_url, by_socket ? "http://" : SCHEME,
                                   by_socket ? SCHEME_LEN - 1 : SCHEME_LEN) != 0) {
        config_put_error(errors, path, 0,
                         "[tokens] jwks_url begins with https://, or with http:// "
                         "where jwks_socket is set");
    }
}

static void check(const void *context, const char *path, struct ps_buf *errors)
{
    const struct certify_config *config = context;

    settings_check_common(&config->common, path, errors);
    if (config->certify.issuer[0] != '\0' && !is_issuer(config->certify.issuer)) {
        config_put_error(errors, path, 0,
                         "[certify] issuer is https://HOST or https://HOST:PORT in lower case, "
                         "perhaps with /v1/certify");
    }
    check_tokens(&config->tokens, path, errors);
}

static void clear_named(void *context)
{
    struct certify_config *config = context;

    for (size_t i = 0; i < config->provider_count; i++) {
        config_clear_section(&table, SECTION_provider, &config->providers[i]);
        free(config->providers[i].name);
    }
}

const struct config_form certify_config_form = {
    .table = &table,
    .size = sizeof(struct certify_config),
    .check = check,
    .clear_named = clear_named,
};
