#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "objectfile.h"
#include "objects.h"

struct listing {
    char (*ids)[OBJECT_ID_SIZE];
    size_t count, size;
};

int store_open(int directory, unsigned token)
{
    char name[32];
    snprintf(name, sizeof(name), "objects-%u", token);
    if (mkdirat(directory, name, 0700) != 0 && errno != EEXIST)
        return -1;
    return openat(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

CK_RV store_new_id(char id[OBJECT_ID_SIZE])
{
    unsigned char octets[(OBJECT_ID_SIZE - 1) / 2];
    if (RAND_bytes(octets, (int)sizeof(octets)) != 1)
        return CKR_DEVICE_ERROR;
    for (size_t i = 0; i < sizeof(octets); i++)
        snprintf(id + 2 * i, 3, "%02x", octets[i]);
    return CKR_OK;
}

static bool listing_add(struct listing *listing, const char *name)
{
    if (listing->count == listing->size) {
        size_t size = listing->size ? listing->size * 2 : 256;
        char(*ids)[OBJECT_ID_SIZE] = realloc(listing->ids, size * sizeof(*ids));
        if (!ids)
            return false;
        listing->ids = ids;
        listing->size = size;
    }
    memcpy(listing->ids[listing->count], name, OBJECT_ID_SIZE - 1);
    listing->ids[listing->count++][OBJECT_ID_SIZE - 1] = '\0';
    return true;
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, OBJECT_ID_SIZE - 1);
}

/* The ids of all objects' files, sorted. */
static bool listing_read(int directory, struct listing *listing)
{
    int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
    if (!entries) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    bool sound = true;
    const struct dirent *entry;
    while (sound && (entry = readdir(entries)) != NULL)
        if (objectfile_is_name(entry->d_name))
            sound = listing_add(listing, entry->d_name);
    closedir(entries);
    if (listing->count > 0)
        qsort(listing->ids, listing->count, sizeof(*listing->ids), compare_ids);
    return sound;
}

static int compare_objects(const void *a, const void *b)
{
    const struct object *const *left = a, *const *right = b;
    return memcmp((*left)->id, (*right)->id, OBJECT_ID_SIZE - 1);
}

/* Reads a file into an object; one that is gone or broken is passed over with NULL. */
static struct object *read_object(struct module *module, unsigned token, const char *id)
{
    struct attrs attrs = {0};
    struct object_stamp stamp;
    if (objectfile_read(module->tokens[token].directory, id, &attrs, &stamp) != 0)
        return NULL;
    struct object *object = object_new(token, id, CK_INVALID_HANDLE, &attrs);
    if (object)
        object->stamp = stamp;
    return object;
}

static void sync_known(struct module *module, struct object *known)
{
    struct object_stamp stamp;
    if (objectfile_stamp(module->tokens[known->token].directory, known->id, &stamp) == 0 &&
        object_stamp_equals(&stamp, &known->stamp))
        return;
    objects_replace(&module->objects, known, read_object(module, known->token, known->id));
}

static void sync_new(struct module *module, unsigned token, const char *id)
{
    struct object *object = read_object(module, token, id);
    if (object)
        objects_add(&module->objects, object, NULL);
}

/* Walks files and known objects, both sorted by id, side by side. */
static void sync_merge(struct module *module, unsigned token, const struct listing *files,
                       struct object **known, size_t known_count)
{
    size_t file = 0, object = 0;
    while (file < files->count || object < known_count) {
        int order = 0;
        if (file == files->count)
            order = 1;
        else if (object == known_count)
            order = -1;
        else
            order = memcmp(files->ids[file], known[object]->id, OBJECT_ID_SIZE - 1);
        if (order < 0) {
            sync_new(module, token, files->ids[file++]);
        } else if (order > 0) {
            objects_replace(&module->objects, known[object++], NULL);
        } else {
            sync_known(module, known[object++]);
            file++;
        }
    }
}

static CK_RV sync_files(struct module *module, unsigned token)
{
    struct listing files = {0};
    struct object **known = NULL;
    size_t known_count = 0;
    CK_RV rv = CKR_DEVICE_ERROR;
    if (listing_read(module->tokens[token].directory, &files))
        rv = objects_list_stored(&module->objects, token, &known, &known_count);
    if (rv == CKR_OK) {
        qsort(known, known_count, sizeof(struct object *), compare_objects);
        sync_merge(module, token, &files, known, known_count);
    }
    for (size_t i = 0; i < known_count; i++)
        object_release(known[i]);
    free(known);
    free(files.ids);
    return rv;
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static CK_RV sync_locked(struct module *module, unsigned token, uint64_t generation)
{
    struct token *here = &module->tokens[token];
    struct stat st;
    if (fstat(here->directory, &st) != 0)
        return CKR_DEVICE_ERROR;
    if (generation == atomic_load(&here->seen_generation) && same_time(st.st_mtim, here->listed))
        return CKR_OK;
    CK_RV rv = sync_files(module, token);
    if (rv == CKR_OK) {
        here->listed = st.st_mtim;
        atomic_store(&here->seen_generation, generation);
    }
    return rv;
}

static void sync_handles(struct module *module, unsigned token)
{
    struct fake_token *script = &module->control->tokens[token];
    struct token *here = &module->tokens[token];
    uint64_t epoch = atomic_load(&script->session_epoch);
    if (atomic_exchange(&here->seen_epoch, epoch) != epoch)
        objects_renew_handles(&module->objects, token, atomic_load(&script->reuse_handles) != 0);
}

CK_RV store_sync(struct module *module, unsigned token, bool listing)
{
    struct fake_token *script = &module->control->tokens[token];
    struct token *here = &module->tokens[token];
    uint64_t generation = atomic_load(&script->store_generation);
    bool renew = atomic_load(&script->session_epoch) != atomic_load(&here->seen_epoch);
    if (!listing && !renew && generation == atomic_load(&here->seen_generation))
        return CKR_OK;
    pthread_mutex_lock(&here->change);
    CK_RV rv = sync_locked(module, token, generation);
    sync_handles(module, token);
    pthread_mutex_unlock(&here->change);
    return rv;
}

/*
 * Tells other processes of a change made under the lock. When nobody else changed anything since,
 * the own table agrees with the files already and need not be read again.
 */
static void announce_change(struct module *module, unsigned token)
{
    struct token *here = &module->tokens[token];
    struct stat st;
    uint64_t before = atomic_fetch_add(&module->control->tokens[token].store_generation, 1);
    if (before != atomic_load(&here->seen_generation) || fstat(here->directory, &st) != 0)
        return;
    here->listed = st.st_mtim;
    atomic_store(&here->seen_generation, before + 1);
}

CK_RV store_add(struct module *module, struct object *object, CK_OBJECT_HANDLE *ret_handle)
{
    unsigned token = object->token;
    struct token *here = &module->tokens[token];
    pthread_mutex_lock(&here->change);
    CK_RV rv = CKR_DEVICE_MEMORY;
    if (objectfile_write(here->directory, object->id, &object->attrs, &object->stamp) == 0) {
        rv = objects_add(&module->objects, object, ret_handle);
        announce_change(module, token);
    } else {
        object_release(object);
    }
    pthread_mutex_unlock(&here->change);
    return rv;
}

static CK_RV replace_file(struct module *module, const struct object *old, struct object *next)
{
    int directory = module->tokens[old->token].directory;
    struct object_stamp stamp;
    if (objectfile_stamp(directory, old->id, &stamp) != 0)
        return CKR_OBJECT_HANDLE_INVALID;
    if (!next)
        return objectfile_remove(directory, old->id) == 0 ? CKR_OK : CKR_OBJECT_HANDLE_INVALID;
    if (objectfile_write(directory, next->id, &next->attrs, &next->stamp) != 0)
        return CKR_DEVICE_MEMORY;
    return CKR_OK;
}

CK_RV store_replace(struct module *module, struct object *old, struct object *next)
{
    CK_RV rv = CKR_OK;
    unsigned token = old->token;
    bool stored = old->owner == CK_INVALID_HANDLE;
    pthread_mutex_lock(&module->tokens[token].change);
    if (!objects_hold(&module->objects, old))
        rv = CKR_OBJECT_HANDLE_INVALID;
    else if (stored)
        rv = replace_file(module, old, next);
    if (rv == CKR_OK) {
        objects_replace(&module->objects, old, next);
        if (stored)
            announce_change(module, token);
    } else {
        object_release(next);
    }
    pthread_mutex_unlock(&module->tokens[token].change);
    return rv;
}

CK_RV store_erase(struct module *module, unsigned token)
{
    struct token *here = &module->tokens[token];
    struct listing files = {0};
    pthread_mutex_lock(&here->change);
    CK_RV rv = listing_read(here->directory, &files) ? CKR_OK : CKR_DEVICE_ERROR;
    for (size_t i = 0; i < files.count; i++)
        objectfile_remove(here->directory, files.ids[i]);
    atomic_fetch_add(&module->control->tokens[token].store_generation, 1);
    pthread_mutex_unlock(&here->change);
    free(files.ids);
    if (rv != CKR_OK)
        return rv;
    return store_sync(module, token, true);
}
