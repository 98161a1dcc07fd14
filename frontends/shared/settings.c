#include "frontends/shared/settings.h"

static bool is_set(const char *text)
{
    return text[0] != '\0';
}

bool settings_check_listener(const struct settings_listener *listener, const char *name,
                             bool with_callers, const char *path, struct ps_buf *errors)
{
    const bool tls = listener->tls_port != 0;
    const size_t before = errors->len;

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
    return errors->len == before;
}

bool settings_check_appliance(const struct settings_appliance *appliance, const char *path,
                              struct ps_buf *errors)
{
    const size_t before = errors->len;

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
    return errors->len == before;
}
