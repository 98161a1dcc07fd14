#include "frontends/plugins/load.h"

#include "frontends/shared/plugin_path.h"

#include <dlfcn.h>
#include <string.h>

#define NAME_MAX_OCTETS    32u
#define VERSION_MAX_OCTETS 64u

static bool is_name(const char *name)
{
    const size_t len = name == NULL ? 0 : strlen(name);

    return len >= 1 && len <= NAME_MAX_OCTETS && name[0] >= 'a' && name[0] <= 'z' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static enum ps_err check_table(const char *path, const struct privyseal_authenticator *table)
{
    if (table->abi != PRIVYSEAL_AUTHENTICATOR_ABI) {
        return ps_fail(PS_E_INPUT, (long)table->abi,
                       "%.120s is of version %u of the interface; this program takes version %u",
                       path, (unsigned)table->abi, PRIVYSEAL_AUTHENTICATOR_ABI);
    }
    if (table->size != sizeof *table) {
        return ps_fail(PS_E_INPUT, 0, "%.120s: its table has %u octets and not %zu", path,
                       (unsigned)table->size, sizeof *table);
    }
    if (!is_name(table->name) || table->version == NULL ||
        strlen(table->version) > VERSION_MAX_OCTETS) {
        return ps_fail(PS_E_INPUT, 0, "%.120s has no name or version that could be told", path);
    }
    if (table->open == NULL || table->start == NULL || table->close == NULL ||
        table->authenticate == NULL || table->exchange == NULL) {
        return ps_fail(PS_E_INPUT, 0,
                       "%.120s lacks one of open, start, close, authenticate, exchange", path);
    }
    return PS_OK;
}

static const char *loader_says(void)
{
    const char *text = dlerror();

    return text == NULL ? "no reason given" : text;
}

enum ps_err plugin_load(const char *path, uid_t owner,
                        const struct privyseal_authenticator **ret_table)
{
    const struct privyseal_authenticator *table;
    void *object;

    PS_TRY(plugin_path_check(path, owner));
    object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (object == NULL) {
        return ps_fail(PS_E_INPUT, 0, "cannot load a plugin: %.200s", loader_says());
    }
    table = dlsym(object, PRIVYSEAL_AUTHENTICATOR_SYMBOL);
    if (table == NULL) {
        return ps_fail(PS_E_INPUT, 0, "%.120s has no symbol %s: it is no authenticator", path,
                       PRIVYSEAL_AUTHENTICATOR_SYMBOL);
    }
    PS_TRY(check_table(path, table));
    *ret_table = table;
    return PS_OK;
}
