#include "frontends/oidc/config.h"

enum { SECTION_oidc, SECTION_authenticator, SECTION_pages, SETTINGS_SECTION_NUMBERS };

static const struct config_key keys[] = {
#define CONFIG_KEY SETTINGS_ROW
#include "frontends/oidc/keys.def"
#include "frontends/shared/settings.def"
#undef CONFIG_KEY
};

static const struct config_section_info sections[] = {
    {"oidc", SECTION_oidc, offsetof(struct oidc_config, oidc)},
    {"authenticator", SECTION_authenticator, offsetof(struct oidc_config, authenticator)},
    {"pages", SECTION_pages, offsetof(struct oidc_config, pages)},
    SETTINGS_SECTIONS(struct oidc_config),
};

static const struct config_table table = {
    .keys = keys,
    .key_count = PS_COUNT_OF(keys),
    .sections = sections,
    .section_count = PS_COUNT_OF(sections),
};

/* RFC 8414 section 2: https, no query, no fragment; to the own machine http will do. */
static bool is_place(const char *url, bool with_path)
{
    const bool local =
        strncmp(url, "http://127.0.0.1:", 17) == 0 || strncmp(url, "http://localhost:", 17) == 0;
    const char *rest = strncmp(url, "https://", 8) == 0 ? url + 8 : local ? url + 7 : "";
    const size_t len = strspn(
        rest, with_path ? "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:[]/"
                        : "abcdefghijklmnopqrstuvwxyz0123456789-.:[]");

    return len != 0 && rest[len] == '\0' && rest[len - 1] != '/';
}

static void check_places(const struct settings_oidc *settings, const char *path,
                         struct ps_buf *errors)
{
    if (!is_place(settings->url, false)) {
        config_put_error(errors, path, 0, "[oidc] url is no https://HOST[:PORT]");
    }
    if (settings->issuer[0] != '\0' && !is_place(settings->issuer, true)) {
        config_put_error(errors, path, 0, "[oidc] issuer is no https:// address");
    }
}

static void check(const void *context, const char *path, struct ps_buf *errors)
{
    const struct oidc_config *config = context;

    check_places(&config->oidc, path, errors);
    settings_check_common(&config->common, path, errors);
}

const struct config_form oidc_config_form = {
    .table = &table, .size = sizeof(struct oidc_config), .check = check};
