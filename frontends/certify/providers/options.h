#ifndef FRONTENDS_CERTIFY_PROVIDERS_OPTIONS_H
#define FRONTENDS_CERTIFY_PROVIDERS_OPTIONS_H

#include "frontends/certify/privyseal_data_provider.h"

#include <stdio.h>
#include <string.h>

/* The value of an option, the last one of its name; NULL: there is none. */
static inline const char *option_of(const struct privyseal_data_option *options, size_t count,
                                    const char *name)
{
    const char *value = NULL;

    for (size_t i = 0; i < count; i++) {
        if (strcmp(options[i].name, name) == 0) {
            value = options[i].value;
        }
    }
    return value;
}

static inline int option_error(char *ret_error, const char *why)
{
    (void)snprintf(ret_error, PRIVYSEAL_DATA_ERROR_MAX, "%s", why);
    return 1;
}

#endif
