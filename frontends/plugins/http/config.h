#ifndef FRONTENDS_PLUGINS_HTTP_CONFIG_H
#define FRONTENDS_PLUGINS_HTTP_CONFIG_H

#include "lib/config/table.h"

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

extern const struct config_table identity_config_table;

/*
 * errors: gets one line per mistake
 * Errors: PS_E_INPUT, PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err identity_config_parse(const char *path, struct ps_bytes text,
                                              struct ps_buf *errors,
                                              struct identity_config **ret_config);
void identity_config_free(struct identity_config *config);
PS_DEFINE_CLEANUP(struct identity_config, identity_config_free)

#endif
