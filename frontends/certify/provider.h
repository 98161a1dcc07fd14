#ifndef FRONTENDS_CERTIFY_PROVIDER_H
#define FRONTENDS_CERTIFY_PROVIDER_H

#include "frontends/certify/config.h"
#include "frontends/certify/privyseal_data_provider.h"

/* Data providers, loaded and opened: those of the configuration, by their names. */
struct provider {
    const char *name;
    const struct privyseal_data_provider *table;
    void *plugin;
};

#define PROVIDER_DATA_MAX ((size_t)1024 * 1024)

/*
 * Loads and opens one; before the sandbox. The object stays loaded until the process ends.
 *
 * Errors: PS_E_DENIED (others than root or this user could have put it there), PS_E_INPUT (no
 *         plugin, another version, options that it refuses), PS_E_NOT_FOUND, PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err provider_open(const struct settings_provider *settings,
                                      struct provider *ret_provider);
void provider_close(struct provider *provider);

/*
 * On any thread. `out` gets the data, which is no checked JSON.
 * Errors: PS_E_NOT_FOUND, PS_E_BUSY (away), PS_E_INTERNAL (failed), PS_E_LIMIT
 */
PS_MUST_USE enum ps_err provider_fetch(const struct provider *provider,
                                       const struct privyseal_data_request *request,
                                       struct ps_buf *out);

#endif
