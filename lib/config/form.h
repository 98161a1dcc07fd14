#ifndef CONFIG_FORM_H
#define CONFIG_FORM_H

#include "lib/config/table.h"

/* How a program's configuration becomes its own struct, all of it or nothing. */
struct config_form {
    const struct config_table *table;
    size_t size; /* of the struct */
    /* What the table cannot tell: a line in `errors` for each mistake. */
    void (*check)(const void *config, const char *path, struct ps_buf *errors);
    void (*clear_named)(void *config); /* frees sections of several names; NULL: there are none */
};

/*
 * Reads and checks a file's octets; nothing on the machine is looked at.
 *
 * errors:     gets one line per mistake
 * ret_config: the struct, for config_form_free
 * Errors:     PS_E_INPUT (the detail is the first of the lines), PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err config_form_parse(const struct config_form *form, const char *path,
                                          struct ps_bytes text, struct ps_buf *errors,
                                          void **ret_config);
void config_form_free(const struct config_form *form, void *config); /* NULL is fine */

#endif
