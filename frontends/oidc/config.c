#include "frontends/oidc/config.h"

#include <stdlib.h>

enum { SECTION_oidc, SECTION_appliance, SECTION_listener, SECTION_administrators };

static const struct config_key keys[] = {
#define CONFIG_KEY(section_, key, kind, fallback, least, most, flags, help)                        \
    {#key,          SECTION_##section_,                                                            \
     CONFIG_##kind, offsetof(struct settings_##section_, key),                                     \
     fallback,      least,                                                                         \
     most,          help,                                                                          \
     flags},
#include "frontends/oidc/keys.def"
#include "frontends/shared/settings.def"
#undef CONFIG_KEY
};

static const struct config_section_info sections[] = {
    {"oidc", SECTION_oidc, offsetof(struct oidc_config, oidc)},
    {"appliance", SECTION_appliance, offsetof(struct oidc_config, appliance)},
    {"public", SECTION_listener, offsetof(struct oidc_config, public)},
    {"management", SECTION_listener, offsetof(struct oidc_config, management)},
    {"administrators", SECTION_administrators, offsetof(struct oidc_config, administrators)},
};

const struct config_table oidc_config_table = {
    .keys = keys,
    .key_count = PS_COUNT_OF(keys),
    .sections = sections,
    .section_count = PS_COUNT_OF(sections),
};

static bool is_set(const char *text)
{
    return text[0] != '\0';
}

/* A listener that nobody could use is a mistake; one that everybody could use cannot be written. */
static bool check_administrators(const struct oidc_config *config, const char *path,
                                 struct ps_buf *errors)
{
    const size_t before = errors->len;

    if (is_set(config->management.socket) && config->administrators.uids.count == 0) {
        config_put_error(errors, path, 0,
                         "[management] has a socket; set uids in [administrators]");
    }
    if (config->management.tls_port != 0 && !is_set(config->administrators.pins)) {
        config_put_error(errors, path, 0,
                         "[management] has a tls_port; set pins in [administrators]");
    }
    return errors->len == before;
}

static bool check_apart(const struct oidc_config *config, const char *path, struct ps_buf *errors)
{
    const struct settings_listener *a = &config->public;
    const struct settings_listener *b = &config->management;
    const size_t before = errors->len;

    if (is_set(a->socket) && strcmp(a->socket, b->socket) == 0) {
        config_put_error(errors, path, 0, "[public] and [management] name the same socket");
    }
    if (a->tls_port != 0 && a->tls_port == b->tls_port &&
        strcmp(a->tls_address, b->tls_address) == 0) {
        config_put_error(errors, path, 0, "[public] and [management] have the same tls_port");
    }
    return errors->len == before;
}

static bool check_rules(const struct oidc_config *config, const char *path, struct ps_buf *errors)
{
    bool good = settings_check_appliance(&config->appliance, path, errors);

    good = settings_check_listener(&config->public, "public", false, path, errors) && good;
    good = settings_check_listener(&config->management, "management", true, path, errors) && good;
    good = check_administrators(config, path, errors) && good;
    return check_apart(config, path, errors) && good;
}

enum ps_err oidc_config_parse(const char *path, struct ps_bytes text, struct ps_buf *errors,
                              struct oidc_config **ret_config)
{
    PS_CLEANUP(oidc_config_free_cleanup) struct oidc_config *config = calloc(1, sizeof *config);
    enum ps_err err;

    if (config == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    err = config_read(&oidc_config_table, path, text, errors, config);
    if (err != PS_OK && err != PS_E_INPUT) {
        return err;
    }
    if (!check_rules(config, path, errors) || err != PS_OK) {
        return ps_fail(PS_E_INPUT, 0, "%s has mistakes", path);
    }
    *ret_config = config;
    config = NULL;
    return PS_OK;
}

void oidc_config_free(struct oidc_config *config)
{
    if (config != NULL) {
        config_clear(&oidc_config_table, config);
        free(config);
    }
}
