#include "keystore/log/shards.h"

#include "keystore/log/record.h"
#include "lib/base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MONTH_LEN   7u /* "2026-11" */
#define NUMBER_LAST 9999u

static unsigned digits(const char *text, size_t count)
{
    unsigned value = 0;

    for (size_t i = 0; i < count; i++) {
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    return value;
}

bool shard_name_valid(const char *name)
{
    static const char form[] = "dddd-dd-dddd";
    unsigned month;

    if (strlen(name) != TREE_NAME_MAX) {
        return false;
    }
    for (size_t i = 0; i < TREE_NAME_MAX; i++) {
        if (form[i] == '-' ? name[i] != '-' : name[i] < '0' || name[i] > '9') {
            return false;
        }
    }
    month = digits(name + 5, 2);
    return month >= 1 && month <= 12 && digits(name + 8, 4) != 0;
}

enum ps_err shard_next_name(const char *name, uint64_t real_ns, char ret_name[TREE_NAME_MAX + 1])
{
    char now[PS_TIME_MAX];
    unsigned number = 1;

    (void)ps_time_format(real_ns, 0, now);
    /* A clock that stepped back does not make a shard that sorts before its predecessor. */
    if (name[0] != '\0' && memcmp(now, name, MONTH_LEN) <= 0) {
        memcpy(now, name, MONTH_LEN);
        number = digits(name + 8, 4) + 1;
    }
    if (number > NUMBER_LAST) {
        return ps_fail(PS_E_LIMIT, 0, "no number is left for another shard of this month");
    }
    now[MONTH_LEN] = '\0';
    (void)snprintf(ret_name, TREE_NAME_MAX + 1, "%.7s-%04u", now, number);
    return PS_OK;
}

uint64_t shard_month_end_ns(const char *name)
{
    char text[PS_TIME_MAX];
    unsigned year = digits(name, 4);
    unsigned month = digits(name + 5, 2) + 1;
    uint64_t end_ns;

    if (month > 12) {
        month = 1;
        year++;
    }
    (void)snprintf(text, sizeof text, "%04u-%02u-01T00:00:00Z", year % 10000, month % 100);
    /* A year that no clock shows: such a shard is cut by its size alone. */
    return ps_time_parse(ps_bytes_str(text), &end_ns) == PS_OK ? end_ns : UINT64_MAX;
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, TREE_NAME_MAX);
}

static enum ps_err add_name(struct shard_names *names, const char *name)
{
    void *items = realloc(names->items, (names->count + 1) * sizeof names->items[0]);

    if (items == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    names->items = items;
    memcpy(names->items[names->count++], name, TREE_NAME_MAX + 1);
    return PS_OK;
}

static enum ps_err read_names(DIR *directory, const char *label, struct shard_names *names)
{
    for (;;) {
        const struct dirent *entry;

        errno = 0;
        entry = readdir(directory);
        if (entry == NULL && errno != 0) {
            return ps_fail_errno(PS_E_STORAGE, "%s: listing", label);
        }
        if (entry == NULL) {
            return PS_OK;
        }
        if (shard_name_valid(entry->d_name)) {
            PS_TRY(add_name(names, entry->d_name));
        }
    }
}

enum ps_err shards_list(int dir_fd, const char *label, struct shard_names *ret_names)
{
    struct shard_names names = {0};
    const int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    enum ps_err err;

    if (directory == NULL) {
        err = ps_fail_errno(PS_E_STORAGE, "%s: listing", label);
        if (fd >= 0) {
            (void)close(fd);
        }
        return err;
    }
    err = read_names(directory, label, &names);
    (void)closedir(directory);
    if (err != PS_OK) {
        shards_clear(&names);
        return err;
    }
    if (names.count != 0) {
        qsort(names.items, names.count, sizeof names.items[0], compare);
    }
    *ret_names = names;
    return PS_OK;
}

void shards_clear(struct shard_names *names)
{
    free(names->items);
    *names = (struct shard_names){0};
}

static enum ps_err contradiction(const struct store *store, unsigned file)
{
    return ps_fail(PS_E_INPUT, 0, "%s/%s: its length does not go with that of hashes.0",
                   store->label, store_file_name(file));
}

/* The record ends with the last leaf of the last bundle. */
static enum ps_err measure_record(const struct store *store, uint64_t size, uint64_t *ret_octets)
{
    PS_CLEANUP(record_free_cleanup) struct record *record = NULL;
    enum record_step step = RECORD_LEAF;
    struct ps_bytes leaf;
    uint64_t offset;
    uint64_t count = (store_bundles(size) - 1) * TILES_WIDTH;

    PS_TRY(store_read_offset(store, store_bundles(size) - 1, &offset));
    PS_TRY(record_new(store->fds[STORE_ENTRIES], store->label, offset, UINT64_MAX, &record));
    for (;;) {
        PS_TRY(record_next(record, &step, &leaf));
        if (step != RECORD_LEAF) {
            break;
        }
        count++;
    }
    if (step != RECORD_END || count != size) {
        return contradiction(store, STORE_ENTRIES);
    }
    *ret_octets = record_offset(record);
    return PS_OK;
}

enum ps_err shard_measure(const struct store *store, uint64_t *ret_size, uint64_t *ret_octets)
{
    uint64_t octets;
    uint64_t size;

    PS_TRY(store_length(store, STORE_HASHES, &octets));
    size = octets / PS_SHA256_LEN;
    if (size == 0 || octets % PS_SHA256_LEN != 0) {
        return ps_fail(PS_E_INPUT, 0, "%s/hashes.0: not of a complete shard", store->label);
    }
    for (unsigned file = STORE_OFFSETS; file < STORE_FILES; file++) {
        PS_TRY(store_length(store, file, &octets));
        if (octets != store_expected_length(file, size)) {
            return contradiction(store, file);
        }
    }
    PS_TRY(measure_record(store, size, ret_octets));
    *ret_size = size;
    return PS_OK;
}
