#include "lib/ceremony/log/shards.h"

#include "lib/base/counted.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, SHARD_NAME_LEN);
}

static enum ps_err add_name(struct shard_names *names, const char *name)
{
    void *items = realloc(names->items, (names->count + 1) * sizeof names->items[0]);

    if (items == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    names->items = items;
    memcpy(names->items[names->count++], name, SHARD_NAME_LEN + 1);
    return PS_OK;
}

static enum ps_err read_names(DIR *directory, const char *log, struct shard_names *names)
{
    for (;;) {
        const struct dirent *entry;

        errno = 0;
        entry = readdir(directory);
        if (entry == NULL && errno != 0) {
            return ps_fail_errno(PS_E_STORAGE, "%s: listing", log);
        }
        if (entry == NULL) {
            return PS_OK;
        }
        if (log_shard_name_valid(ps_bytes_str(entry->d_name))) {
            PS_TRY(add_name(names, entry->d_name));
        }
    }
}

enum ps_err shard_names_list(int top_fd, const char *log, struct shard_names *ret_names)
{
    struct shard_names names = {0};
    const int fd = openat(top_fd, log, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory;
    enum ps_err err;

    if (fd < 0 && errno == ENOENT) {
        *ret_names = names;
        return PS_OK;
    }
    directory = fd < 0 ? NULL : fdopendir(fd);
    if (directory == NULL) {
        err = ps_fail_errno(PS_E_STORAGE, "%s: listing", log);
        if (fd >= 0) {
            (void)close(fd);
        }
        return err;
    }
    err = read_names(directory, log, &names);
    (void)closedir(directory);
    if (err != PS_OK) {
        shard_names_clear(&names);
        return err;
    }
    if (names.count != 0) {
        qsort(names.items, names.count, sizeof names.items[0], compare);
    }
    *ret_names = names;
    return PS_OK;
}

void shard_names_clear(struct shard_names *names)
{
    free(names->items);
    *names = (struct shard_names){0};
}

bool shard_names_contain(const struct shard_names *names, const char *name)
{
    return names->count != 0 &&
           bsearch(name, names->items, names->count, sizeof names->items[0], compare) != NULL;
}

static void check_order(const struct shard_list *list, const struct log_shard *shard,
                        const struct log_where *where, struct log_report *report)
{
    const struct shard_entry *last = list->count == 0 ? NULL : &list->items[list->count - 1];
    /* A restored appliance has a log of uses of its own, which counts from the beginning. */
    const uint64_t first =
        last == NULL || list->count == list->restart ? 0 : last->first + last->size;

    if (last != NULL && memcmp(last->name, shard->name.data, SHARD_NAME_LEN) >= 0) {
        log_report_row(report, LOG_FAIL, where, "shard %.*s comes after %s",
                       PS_BYTES_FMT(shard->name), last->name);
    } else if (shard->first != first) {
        log_report_row(report, LOG_FAIL, where,
                       "shard %.*s begins at %llu, and those before it have %s",
                       PS_BYTES_FMT(shard->name), (unsigned long long)shard->first,
                       ps_counted(first, "leaf", "leaves").text);
    }
}

enum ps_err shard_list_add(struct shard_list *list, const struct log_shard *shard, uint64_t leaf,
                           struct log_report *report)
{
    const struct log_where where = {"shards", "events", NULL, leaf};
    struct shard_entry *items = realloc(list->items, (list->count + 1) * sizeof list->items[0]);
    struct shard_entry *entry;

    if (items == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    list->items = items;
    if (report != NULL) {
        check_order(list, shard, &where, report);
    }
    entry = &list->items[list->count++];
    *entry = (struct shard_entry){
        .first = shard->first, .size = shard->size, .root = shard->root, .leaf = leaf};
    memcpy(entry->name, shard->name.data, SHARD_NAME_LEN);
    return PS_OK;
}

void shard_list_restart(struct shard_list *list)
{
    list->restart = list->count;
}

const struct shard_entry *shard_list_find(const struct shard_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].name, name) == 0) {
            return &list->items[i];
        }
    }
    return NULL;
}

void shard_list_clear(struct shard_list *list)
{
    free(list->items);
    *list = (struct shard_list){0};
}

struct log_shard shard_entry_view(const struct shard_entry *entry)
{
    return (struct log_shard){
        .first = entry->first,
        .log = ps_bytes_str("use"),
        .name = ps_bytes_str(entry->name),
        .root = entry->root,
        .size = entry->size,
    };
}

/* --- Pruned ones --- */

struct effect {
    struct ps_bytes kind;
    struct ps_bytes name;
    bool removed;
    struct json_value row;
};

static const struct json_field effect_fields[] = {
    JSON_FIELD(struct effect, kind, JSON_KIND_STRING, true, 0),
    JSON_FIELD(struct effect, name, JSON_KIND_STRING, true, 0),
    JSON_FIELD(struct effect, removed, JSON_KIND_BOOL, false, 0),
    JSON_FIELD(struct effect, row, JSON_KIND_OBJECT, false, 0),
};

/* What of such a row is told. */
struct pruned_row {
    struct ps_bytes archive;
    struct ps_bytes name;
    struct ps_bytes place;
    struct ps_bytes root;
    uint64_t size;
};

static const struct json_field pruned_fields[] = {
    JSON_FIELD(struct pruned_row, archive, JSON_KIND_OCTETS, true, PS_SHA256_LEN),
    JSON_FIELD(struct pruned_row, name, JSON_KIND_STRING, true, SHARD_NAME_LEN),
    JSON_FIELD(struct pruned_row, place, JSON_KIND_STRING, true, 256),
    JSON_FIELD(struct pruned_row, root, JSON_KIND_OCTETS, true, PS_SHA256_LEN),
    JSON_FIELD(struct pruned_row, size, JSON_KIND_U64, true, 0),
};

static enum ps_err add_pruned(struct pruned_list *list, struct json_value row)
{
    struct pruned_row read = {.size = 0};
    struct pruned_entry *items;
    struct pruned_entry *entry;

    PS_TRY(json_read_object(row, pruned_fields, PS_COUNT_OF(pruned_fields), &read, NULL));
    if (!log_shard_name_valid(read.name) || read.archive.len != PS_SHA256_LEN) {
        return ps_fail(PS_E_INPUT, 0, "the row of a pruned shard that names none");
    }
    items = realloc(list->items, (list->count + 1) * sizeof list->items[0]);
    if (items == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    list->items = items;
    entry = &list->items[list->count++];
    *entry = (struct pruned_entry){.name = ""};
    memcpy(entry->name, read.name.data, SHARD_NAME_LEN);
    memcpy(entry->archive, read.archive.data, sizeof entry->archive);
    memcpy(entry->place, read.place.data, read.place.len);
    return PS_OK;
}

enum ps_err pruned_list_add(struct pruned_list *list, struct json_value data)
{
    struct json_value effects;
    struct json_value value;
    uint32_t cursor = 0;

    if (data.doc == NULL || !json_member(data, "effects", &effects) ||
        json_type(effects) != JSON_ARRAY) {
        return PS_OK;
    }
    while (json_next(effects, &cursor, NULL, &value)) {
        struct effect effect = {.removed = false};

        if (json_type(value) == JSON_OBJECT &&
            json_read_object(value, effect_fields, PS_COUNT_OF(effect_fields), &effect, NULL) ==
                PS_OK &&
            ps_bytes_equal_str(effect.kind, "pruned") && effect.row.doc != NULL) {
            PS_TRY(add_pruned(list, effect.row));
        }
    }
    return PS_OK;
}

const struct pruned_entry *pruned_list_find(const struct pruned_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].name, name) == 0) {
            return &list->items[i];
        }
    }
    return NULL;
}

void pruned_list_clear(struct pruned_list *list)
{
    free(list->items);
    *list = (struct pruned_list){0};
}
