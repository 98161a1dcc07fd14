#include "lib/ceremony/log_shards.h"

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
    const uint64_t first = last == NULL ? 0 : last->first + last->size;

    if (last != NULL && memcmp(last->name, shard->name.data, SHARD_NAME_LEN) >= 0) {
        log_report_row(report, LOG_FAIL, where, "shard %.*s comes after %s",
                       PS_BYTES_FMT(shard->name), last->name);
    } else if (shard->first != first) {
        log_report_row(report, LOG_FAIL, where,
                       "shard %.*s begins at %llu, and those before it have %llu leaves",
                       PS_BYTES_FMT(shard->name), (unsigned long long)shard->first,
                       (unsigned long long)first);
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
