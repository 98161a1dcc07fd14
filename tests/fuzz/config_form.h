#ifndef TESTS_FUZZ_CONFIG_FORM_H
#define TESTS_FUZZ_CONFIG_FORM_H

#include "lib/config/form.h"

#include <assert.h>

/* What is refused has a line that says why. */
static inline void fuzz_config_form(const struct config_form *form, struct ps_bytes text)
{
    PS_BUF_AUTO errors = {.max = 8u << 20};
    void *config = NULL;
    const enum ps_err err = config_form_parse(form, "fuzz.conf", text, &errors, &config);

    assert((err == PS_OK) == (errors.len == 0) && (err == PS_OK) == (config != NULL));
    config_form_free(form, config);
}

#endif
