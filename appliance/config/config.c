#include "appliance/config/config.h"

#include "appliance/config/internal.h"
#include "lib/system/file.h"

#include <stdlib.h>

static enum ps_err new_config(const char *path, struct config **ret_config)
{
    struct config *config = calloc(1, sizeof *config);

    if (config != NULL) {
        config->path = strdup(path);
    }
    if (config == NULL || config->path == NULL) {
        free(config);
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    *ret_config = config;
    return PS_OK;
}

enum ps_err config_parse(const char *path, struct ps_bytes text, struct ps_buf *errors,
                         struct config **ret_config)
{
    PS_CLEANUP(config_free_cleanup) struct config *config = NULL;
    enum ps_err err;

    PS_TRY(new_config(path, &config));
    ps_sha256(text, config->sha256);
    err = config_read(&config_table, path, text, errors, config);
    if (err != PS_OK && err != PS_E_INPUT) {
        return err;
    }
    if (!config_check_rules(config, errors) || err != PS_OK) {
        return ps_fail(PS_E_INPUT, 0, "%s has mistakes", path);
    }
    *ret_config = config;
    config = NULL;
    return PS_OK;
}

enum ps_err config_load(const char *path, struct ps_buf *errors, struct config **ret_config)
{
    PS_BUF_AUTO text;
    const enum ps_err err = file_read(path, CONFIG_FILE_MAX, &text);

    if (err != PS_OK) {
        config_put_error(errors, path, 0, "%s; privyseald.conf(5) has an example",
                         ps_detail()->text);
        return err;
    }
    return config_parse(path, ps_buf_bytes(&text), errors, ret_config);
}

void config_free(struct config *config)
{
    if (config == NULL) {
        return;
    }
    config_clear(&config_table, config);
    for (size_t i = 0; i < config->token_count; i++) {
        config_clear_section(&config_table, CONFIG_SECTION_token, &config->tokens[i]);
        free(config->tokens[i].name);
    }
    free(config->path);
    free(config);
}
