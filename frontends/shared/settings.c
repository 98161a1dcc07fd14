#include "frontends/shared/settings.h"

static bool is_set(const char *text)
{
    return text[0] != '\0';
}

/* `with_callers`: its callers are known by their certificates; else nobody is asked for one. */
static void check_listener(const struct settings_listener *listener, const char *name,
                           bool with_callers, const char *path, struct ps_buf *errors)
{
    const bool tls = listener->tls_port != 0;

    if (!is_set(listener->socket) && !tls) {
        config_put_error(errors, path, 0, "[%s] listens nowhere; set socket or tls_port", name);
    }
    if (tls && (!is_set(listener->certificate) || !is_set(listener->key))) {
        config_put_error(errors, path, 0, "[%s] has a tls_port; set certificate and key too", name);
    }
    if (tls && with_callers && !is_set(listener->client_ca)) {
        config_put_error(errors, path, 0, "[%s] has a tls_port; set client_ca too", name);
    }
    if (!with_callers && is_set(listener->client_ca)) {
        config_put_error(errors, path, 0,
                         "[%s] is there for everyone and has no client_ca; remove it", name);
    }
    if (listener->connections_per_caller > listener->connections) {
        config_put_error(errors, path, 0,
                         "[%s] connections_per_caller is more than connections; lower it", name);
    }
}

static void check_appliance(const struct settings_appliance *appliance, const char *path,
                            struct ps_buf *errors)
{
    if (is_set(appliance->socket) == is_set(appliance->url)) {
        config_put_error(errors, path, 0, "[appliance] needs either socket or url");
    }
    if (is_set(appliance->url) && strncmp(appliance->url, "https://", 8) != 0) {
        config_put_error(errors, path, 0, "[appliance] url begins with https://");
    }
    if (is_set(appliance->url) &&
        (!is_set(appliance->ca) || !is_set(appliance->certificate) || !is_set(appliance->key))) {
        config_put_error(errors, path, 0, "[appliance] has a url; set ca, certificate and key too");
    }
}

/* A listener that nobody could use is a mistake; one that everybody could use cannot be written. */
static void check_administrators(const struct settings_common *common, const char *path,
                                 struct ps_buf *errors)
{
    if (is_set(common->management.socket) && common->administrators.uids.count == 0) {
        config_put_error(errors, path, 0,
                         "[management] has a socket; set uids in [administrators]");
    }
    if (common->management.tls_port != 0 && !is_set(common->administrators.pins)) {
        config_put_error(errors, path, 0,
                         "[management] has a tls_port; set pins in [administrators]");
    }
}

static void check_apart(const struct settings_common *common, const char *path,
                        struct ps_buf *errors)
{
    const struct settings_listener *a = &common->public;
    const struct settings_listener *b = &common->management;

    if (is_set(a->socket) && strcmp(a->socket, b->socket) == 0) {
        config_put_error(errors, path, 0, "[public] and [management] name the same socket");
    }
    if (a->tls_port != 0 && a->tls_port == b->tls_port &&
        strcmp(a->tls_address, b->tls_address) == 0) {
        config_put_error(errors, path, 0, "[public] and [management] have the same tls_port");
    }
}

void settings_check_common(const struct settings_common *common, const char *path,
                           struct ps_buf *errors)
{
    check_appliance(&common->appliance, path, errors);
    check_listener(&common->public, "public", false, path, errors);
    check_listener(&common->management, "management", true, path, errors);
    check_administrators(common, path, errors);
    check_apart(common, path, errors);
}
