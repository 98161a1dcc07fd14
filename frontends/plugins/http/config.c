#include "frontends/plugins/http/config.h"

enum { SECTION_identity };

/* The program's struct is its one section. */
static const struct config_key keys[] = {
#define CONFIG_KEY(section_, key, kind, fallback, least, most, flags, help)                        \
    {#key,          SECTION_##section_,                                                            \
     CONFIG_##kind, offsetof(struct section_##_config, key),                                       \
     fallback,      least,                                                                         \
     most,          help,                                                                          \
     flags},
#include "frontends/plugins/http/keys.def"
#undef CONFIG_KEY
};

static const struct config_section_info sections[] = {{"identity", SECTION_identity, 0}};

static const struct config_table table = {
    .keys = keys,
    .key_count = PS_COUNT_OF(keys),
    .sections = sections,
    .section_count = PS_COUNT_OF(sections),
};

/* Whether the host, all of what stands before a port or the path, is this machine. */
static bool is_loopback(const char *url)
{
    static const char *const hosts[] = {"http://127.0.0.1", "http://[::1]", "http://localhost"};

    for (size_t i = 0; i < PS_COUNT_OF(hosts); i++) {
        const size_t len = strlen(hosts[i]);

        if (strncmp(url, hosts[i], len) == 0 &&
            (url[len] == ':' || url[len] == '/' || url[len] == '\0')) {
            return true;
        }
    }
    return false;
}

static void check(const void *context, const char *path, struct ps_buf *errors)
{
    const struct identity_config *config = context;
    const size_t len = strlen(config->url);

    if (strncmp(config->url, "https://", 8) != 0 && !is_loopback(config->url)) {
        config_put_error(errors, path, 0,
                         "[identity] url begins with https://, or is http:// of this machine");
    }
    if (config->url[strcspn(config->url, "@?# ")] != '\0' ||
        (len != 0 && config->url[len - 1] == '/')) {
        config_put_error(errors, path, 0,
                         "[identity] url has no user, query or fragment, and no / at its end");
    }
    if ((config->certificate[0] == '\0') != (config->key[0] == '\0')) {
        config_put_error(errors, path, 0, "[identity] certificate and key go together");
    }
}

const struct config_form identity_config_form = {
    .table = &table, .size = sizeof(struct identity_config), .check = check};
