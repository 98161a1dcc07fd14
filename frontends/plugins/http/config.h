#ifndef FRONTENDS_PLUGINS_HTTP_CONFIG_H
#define FRONTENDS_PLUGINS_HTTP_CONFIG_H

#include "lib/config/form.h"

/* The plugin's own file. Texts that are not set are "". */
struct identity_config {
    char *url; /* without a slash at its end */
    char *ca;
    char *certificate;
    char *key;
    char *factors;
    char *otp_channels;
    uint64_t connections;
    uint64_t waiting;
};

/* Of struct identity_config. */
extern const struct config_form identity_config_form;

#endif
