#include "appliance/officer/places.h"

#include <stdio.h>
#include <sys/stat.h>

#define NAME_LEN_MAX 64u

static bool is_public_name(struct ps_bytes name)
{
    return name.len > 4 && memcmp(name.data + name.len - 4, ".pub", 4) == 0;
}

/* "id_anna" of "/home/anna/.ssh/id_anna.pub". */
static struct ps_bytes name_of_key(const char *path)
{
    const char *slash = strrchr(path, '/');
    struct ps_bytes name = ps_bytes_str(slash == NULL ? path : slash + 1);

    name.len -= is_public_name(name) ? 4 : 0;
    return name;
}

static bool is_file_name(struct ps_bytes name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789._-@+";

    for (size_t i = 0; i < name.len; i++) {
        if (memchr(allowed, name.data[i], sizeof allowed - 1) == NULL) {
            return false;
        }
    }
    return name.len != 0 && name.len <= NAME_LEN_MAX;
}

enum ps_err place_choose(const struct place *place, char ret_path[PLACE_MAX])
{
    const struct ps_bytes name =
        place->name != NULL ? ps_bytes_str(place->name) : name_of_key(place->key);
    char path[PLACE_MAX];
    struct stat found;
    int len;

    if (!is_file_name(name)) {
        return ps_fail(PS_E_INPUT, 0,
                       "the signature's file is named after its signer with 1 to %u of a-z A-Z 0-9 "
                       ". _ - @ +; give such a name with --name",
                       NAME_LEN_MAX);
    }
    len = snprintf(path, sizeof path, "%s.%s.%.*s.%s", place->document, place->what,
                   PS_BYTES_FMT(name), place->ending);
    if (len < 0 || (size_t)len >= sizeof path) {
        return ps_fail(PS_E_INPUT, 0, "the document's path is too long; copy it somewhere near");
    }
    if (lstat(path, &found) == 0) {
        return ps_fail(PS_E_CONFLICT, 0,
                       "%.140s is there already; move it away if you mean to sign once more", path);
    }
    memcpy(ret_path, path, sizeof path);
    return PS_OK;
}

enum ps_err place_of_public_key(const char *key, char ret_path[PLACE_MAX])
{
    const char *ending = is_public_name(ps_bytes_str(key)) ? "" : ".pub";

    if (strlen(key) + strlen(ending) >= PLACE_MAX) {
        return ps_fail(PS_E_INPUT, 0, "the key's path is too long; copy it somewhere near");
    }
    (void)snprintf(ret_path, PLACE_MAX, "%s%s", key, ending);
    return PS_OK;
}
