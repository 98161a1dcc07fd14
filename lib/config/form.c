#include "lib/config/form.h"

#include <stdlib.h>

static enum ps_err fail(struct ps_bytes lines)
{
    const uint8_t *end = lines.len == 0 ? NULL : memchr(lines.data, '\n', lines.len);

    return ps_fail(PS_E_INPUT, 0, "%.*s", end == NULL ? (int)lines.len : (int)(end - lines.data),
                   (const char *)lines.data);
}

static enum ps_err parse(const struct config_form *form, const char *path, struct ps_bytes text,
                         struct ps_buf *errors, void *config)
{
    const size_t before = errors->len;
    const enum ps_err err = config_read(form->table, path, text, errors, config);

    if (err != PS_OK && err != PS_E_INPUT) {
        return err;
    }
    form->check(config, path, errors);
    return err == PS_OK && errors->len == before
               ? PS_OK
               : fail(ps_bytes_from(ps_buf_bytes(errors), before));
}

enum ps_err config_form_parse(const struct config_form *form, const char *path,
                              struct ps_bytes text, struct ps_buf *errors, void **ret_config)
{
    void *config = calloc(1, form->size);
    enum ps_err err;

    if (config == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    err = parse(form, path, text, errors, config);
    if (err != PS_OK) {
        config_form_free(form, config);
        return err;
    }
    *ret_config = config;
    return PS_OK;
}

void config_form_free(const struct config_form *form, void *config)
{
    if (config == NULL) {
        return;
    }
    if (form->clear_named != NULL) {
        form->clear_named(config);
    }
    config_clear(form->table, config);
    free(config);
}
