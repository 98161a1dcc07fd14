#include "pkcs11/wrapped/loaded.h"

#include "lib/base/map.h"

#include <stdlib.h>

struct entry {
    struct entry *newer;
    struct entry *older; /* in the list of those that have to go: the next one */
    uint8_t id[IPC_OBJECT_ID_MAX];
    size_t id_len;
    CK_OBJECT_HANDLE handle;
    bool is_checked;
};

struct loaded {
    struct ps_map *by_id;
    struct entry *newest;
    struct entry *oldest;
    struct entry *doomed;
    size_t max;
};

enum ps_err loaded_new(size_t max, struct loaded **ret_loaded)
{
    PS_CLEANUP(loaded_free_cleanup) struct loaded *loaded = calloc(1, sizeof *loaded);

    if (loaded == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    loaded->max = max;
    PS_TRY(ps_map_new(&loaded->by_id));
    *ret_loaded = loaded;
    loaded = NULL;
    return PS_OK;
}

static void unlink_entry(struct loaded *loaded, struct entry *entry)
{
    *(entry->newer == NULL ? &loaded->newest : &entry->newer->older) = entry->older;
    *(entry->older == NULL ? &loaded->oldest : &entry->older->newer) = entry->newer;
}

static void put_newest(struct loaded *loaded, struct entry *entry)
{
    entry->newer = NULL;
    entry->older = loaded->newest;
    *(loaded->newest == NULL ? &loaded->oldest : &loaded->newest->newer) = entry;
    loaded->newest = entry;
}

static struct ps_bytes id_of(const struct entry *entry)
{
    return ps_bytes(entry->id, entry->id_len);
}

static void doom(struct loaded *loaded, struct entry *entry)
{
    entry->older = loaded->doomed;
    loaded->doomed = entry;
}

CK_OBJECT_HANDLE loaded_get(struct loaded *loaded, struct ps_bytes id)
{
    struct entry *entry = ps_map_get(loaded->by_id, id);

    if (entry == NULL) {
        return CK_INVALID_HANDLE;
    }
    if (entry != loaded->newest) {
        unlink_entry(loaded, entry);
        put_newest(loaded, entry);
    }
    return entry->handle;
}

bool loaded_is_checked(const struct loaded *loaded, struct ps_bytes id)
{
    const struct entry *entry = ps_map_get(loaded->by_id, id);

    return entry != NULL && entry->is_checked;
}

void loaded_set_checked(struct loaded *loaded, struct ps_bytes id, CK_OBJECT_HANDLE handle)
{
    struct entry *entry = ps_map_get(loaded->by_id, id);

    if (entry != NULL && entry->handle == handle) {
        entry->is_checked = true;
    }
}

void loaded_put(struct loaded *loaded, struct ps_bytes id, CK_OBJECT_HANDLE handle)
{
    struct entry *entry = calloc(1, sizeof *entry);

    if (entry == NULL || id.len == 0 || id.len > sizeof entry->id) {
        /* The object stays until its session ends, which is no more than a place less. */
        free(entry);
        return;
    }
    loaded_remove(loaded, id);
    memcpy(entry->id, id.data, id.len);
    entry->id_len = id.len;
    entry->handle = handle;
    if (ps_map_add(loaded->by_id, id_of(entry), entry) != PS_OK) {
        doom(loaded, entry);
        return;
    }
    put_newest(loaded, entry);
}

/* NULL: it was not there. */
static struct entry *take_out(struct loaded *loaded, struct ps_bytes id)
{
    struct entry *entry = ps_map_remove(loaded->by_id, id);

    if (entry != NULL) {
        unlink_entry(loaded, entry);
    }
    return entry;
}

void loaded_remove(struct loaded *loaded, struct ps_bytes id)
{
    struct entry *entry = take_out(loaded, id);

    if (entry != NULL) {
        doom(loaded, entry);
    }
}

void loaded_forget(struct loaded *loaded, struct ps_bytes id)
{
    free(take_out(loaded, id));
}

CK_OBJECT_HANDLE loaded_take_superfluous(struct loaded *loaded, size_t more)
{
    struct entry *entry;
    CK_OBJECT_HANDLE handle;

    if (loaded->doomed == NULL && loaded->oldest != NULL &&
        ps_map_count(loaded->by_id) + more > loaded->max) {
        loaded_remove(loaded, id_of(loaded->oldest));
    }
    entry = loaded->doomed;
    if (entry == NULL) {
        return CK_INVALID_HANDLE;
    }
    loaded->doomed = entry->older;
    handle = entry->handle;
    free(entry);
    return handle;
}

void loaded_clear(struct loaded *loaded)
{
    while (loaded->oldest != NULL) {
        loaded_remove(loaded, id_of(loaded->oldest));
    }
    while (loaded->doomed != NULL) {
        struct entry *entry = loaded->doomed;

        loaded->doomed = entry->older;
        free(entry);
    }
}

void loaded_free(struct loaded *loaded)
{
    if (loaded == NULL) {
        return;
    }
    if (loaded->by_id != NULL) {
        loaded_clear(loaded);
    }
    ps_map_free(loaded->by_id, NULL);
    free(loaded);
}

size_t loaded_count(const struct loaded *loaded)
{
    return ps_map_count(loaded->by_id);
}
