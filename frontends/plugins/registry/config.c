#include "frontends/plugins/registry/config.h"

enum { SECTION_settings, SECTION_otp, SECTION_smtp };

static const struct config_key keys[] = {
#define CONFIG_KEY(section_, key, kind, fallback, least, most, flags, help)                        \
    {#key,          SECTION_##section_,                                                            \
     CONFIG_##kind, offsetof(struct registry_##section_, key),                                     \
     fallback,      least,                                                                         \
     most,          help,                                                                          \
     flags},
#include "frontends/plugins/registry/keys.def"
#undef CONFIG_KEY
};

static const struct config_section_info sections[] = {
    {"registry", SECTION_settings, offsetof(struct registry_config, registry)},
    {"otp", SECTION_otp, offsetof(struct registry_config, otp)},
    {"smtp", SECTION_smtp, offsetof(struct registry_config, smtp)},
};

static const struct config_table table = {
    .keys = keys,
    .key_count = PS_COUNT_OF(keys),
    .sections = sections,
    .section_count = PS_COUNT_OF(sections),
};

static bool is_set(const char *text)
{
    return text[0] != '\0';
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* The host is all of what stands before the port. */
static bool is_loopback(const char *url)
{
    return begins(url, "smtp://127.0.0.1:") || begins(url, "smtp://[::1]:");
}

/* What goes into the head of a message stays one line there. */
static bool is_line(const char *text)
{
    return text[strcspn(text, "\r\n<>")] == '\0';
}

static void check_smtp(const struct registry_smtp *smtp, const char *path, struct ps_buf *errors)
{
    if (!is_set(smtp->url)) {
        return;
    }
    if (!begins(smtp->url, "smtp://") && !begins(smtp->url, "smtps://")) {
        config_put_error(errors, path, 0, "[smtp] url begins with smtp:// or smtps://");
    }
    if (smtp->url[strcspn(smtp->url, "@")] != '\0') {
        config_put_error(errors, path, 0, "[smtp] url has no user; set user and password");
    }
    if (!is_set(smtp->from) || strchr(smtp->from, '@') == NULL || !is_line(smtp->from)) {
        config_put_error(errors, path, 0, "[smtp] has a url; set from to an address");
    }
    if (!is_line(smtp->subject)) {
        config_put_error(errors, path, 0, "[smtp] subject is one line without < and >");
    }
    if (is_set(smtp->user) != is_set(smtp->password)) {
        config_put_error(errors, path, 0, "[smtp] user and password go together");
    }
    if (smtp->plain && !is_loopback(smtp->url)) {
        config_put_error(errors, path, 0, "[smtp] plain is for smtp://127.0.0.1: or smtp://[::1]:");
    }
}

static void check_limits(const struct registry_config *config, const char *path,
                         struct ps_buf *errors)
{
    if (config->registry.wrong_per_source > config->registry.wrong_per_person) {
        config_put_error(errors, path, 0,
                         "[registry] wrong_per_source is more than wrong_per_person");
    }
    if (config->otp.per_source > config->otp.per_person) {
        config_put_error(errors, path, 0, "[otp] per_source is more than per_person");
    }
}

static void check(const void *context, const char *path, struct ps_buf *errors)
{
    const struct registry_config *config = context;

    check_smtp(&config->smtp, path, errors);
    check_limits(config, path, errors);
}

const struct config_form registry_config_form = {
    .table = &table, .size = sizeof(struct registry_config), .check = check};
