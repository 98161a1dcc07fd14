#include "frontends/certify/provider.h"

#include "frontends/shared/plugin_path.h"
#include "lib/base/line.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

#define OPTIONS_MAX 64u

static enum ps_err load(const char *path, const struct privyseal_data_provider **ret_table)
{
    const struct privyseal_data_provider *table;
    const char *why;
    void *object;

    PS_TRY(plugin_path_check(path, geteuid()));
    object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (object == NULL) {
        why = dlerror();
        return ps_fail(PS_E_INPUT, 0, "cannot load a provider: %.200s", why == NULL ? path : why);
    }
    table = dlsym(object, PRIVYSEAL_DATA_SYMBOL);
    if (table == NULL) {
        return ps_fail(PS_E_INPUT, 0, "%.160s is no data provider", path);
    }
    if (table->abi != PRIVYSEAL_DATA_ABI || table->size != sizeof *table) {
        return ps_fail(PS_E_INPUT, 0, "%.120s is of version %u of the interface, not %u", path,
                       (unsigned)table->abi, PRIVYSEAL_DATA_ABI);
    }
    if (table->open == NULL || table->fetch == NULL || table->close == NULL) {
        return ps_fail(PS_E_INPUT, 0, "%.120s lacks one of open, fetch, close", path);
    }
    if (table->name == NULL || table->version == NULL) {
        return ps_fail(PS_E_INPUT, 0, "%.120s has no name or version that could be told", path);
    }
    *ret_table = table;
    return PS_OK;
}

/* Cuts the lines at their "=" and end, in place. */
static size_t split(char *lines, struct privyseal_data_option options[OPTIONS_MAX])
{
    size_t count = 0;

    while (*lines != '\0' && count < OPTIONS_MAX) {
        char *end = lines + strcspn(lines, "\n");
        char *value = lines + strcspn(lines, "=");
        const bool more = *end != '\0';

        *end = '\0';
        if (value < end) {
            *value = '\0';
            options[count++] = (struct privyseal_data_option){.name = lines, .value = value + 1};
        }
        lines = end + more;
    }
    return count;
}

static void free_text(char **text)
{
    free(*text);
}

enum ps_err provider_open(const struct settings_provider *settings, struct provider *ret_provider)
{
    PS_CLEANUP(free_text) char *lines = ps_bytes_to_str(ps_bytes_str(settings->option));
    struct provider provider = {.name = settings->name};
    struct privyseal_data_option options[OPTIONS_MAX];
    char error[PRIVYSEAL_DATA_ERROR_MAX] = "";

    if (lines == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    PS_TRY(load(settings->plugin, &provider.table));
    if (provider.table->open(options, split(lines, options), &provider.plugin, error) != 0) {
        error[sizeof error - 1] = '\0';
        return ps_fail(PS_E_INPUT, 0, "provider %.40s: %.180s", settings->name, error);
    }
    ps_line(PS_INFO, "provider_loaded", PS_STR("provider", settings->name),
            PS_STR("plugin", provider.table->name), PS_STR("version", provider.table->version),
            PS_STR("path", settings->plugin));
    *ret_provider = provider;
    return PS_OK;
}

void provider_close(struct provider *provider)
{
    if (provider->table != NULL) {
        provider->table->close(provider->plugin);
        provider->table = NULL;
    }
}

struct answer {
    struct ps_buf *out;
    char why[160];
};

static int put(void *context, const void *octets, size_t len)
{
    struct answer *answer = context;

    ps_buf_put(answer->out, ps_bytes(octets, len));
    return ps_buf_status(answer->out) == PS_OK ? 0 : -1;
}

static void explain(void *context, const char *sentence)
{
    struct answer *answer = context;

    (void)strncpy(answer->why, sentence, sizeof answer->why - 1);
}

enum ps_err provider_fetch(const struct provider *provider,
                           const struct privyseal_data_request *request, struct ps_buf *out)
{
    struct answer answer = {.out = out, .why = ""};
    const struct privyseal_data_answer to = {.context = &answer, .put = put, .explain = explain};

    switch (provider->table->fetch(provider->plugin, request, &to)) {
    case PRIVYSEAL_DATA_FOUND:
        return ps_buf_status(out);
    case PRIVYSEAL_DATA_NOT_FOUND:
        return ps_fail(PS_E_NOT_FOUND, 0, "%.40s has nobody of this subject", provider->name);
    case PRIVYSEAL_DATA_AWAY:
        return ps_fail(PS_E_BUSY, 0, "%.40s is away: %s", provider->name, answer.why);
    case PRIVYSEAL_DATA_FAILED:
    default:
        return ps_fail(PS_E_INTERNAL, 0, "%.40s failed: %s", provider->name, answer.why);
    }
}
