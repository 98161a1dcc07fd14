#include "keystore/backup/shelf.h"

#include "lib/ceremony/backup/backup_format.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NAME_FORM "%Y%m%dT%H%M%SZ" BACKUP_SUFFIX

void shelf_clear(struct shelf *shelf)
{
    free(shelf->all);
    *shelf = (struct shelf){.all = NULL};
}

void shelf_put_name(uint64_t now_s, char ret_name[SHELF_NAME_LEN + 1])
{
    const time_t now = (time_t)now_s;
    struct tm tm;

    (void)gmtime_r(&now, &tm);
    (void)strftime(ret_name, SHELF_NAME_LEN + 1, NAME_FORM, &tm);
}

/* Only what we would write ourselves. */
static bool read_name(const char *name, uint64_t *ret_created_s)
{
    char again[SHELF_NAME_LEN + 1];
    struct tm tm = {.tm_mday = 1};
    const char *end = strptime(name, NAME_FORM, &tm);

    if (end == NULL || *end != 0) {
        return false;
    }
    *ret_created_s = (uint64_t)timegm(&tm);
    shelf_put_name(*ret_created_s, again);
    return strcmp(name, again) == 0;
}

static bool is_part(const char *name)
{
    char inner[SHELF_NAME_LEN + 1];
    char again[SHELF_NAME_LEN + sizeof SHELF_PART_FORM];
    uint64_t created_s;

    if (strlen(name) < 1 + SHELF_NAME_LEN) {
        return false;
    }
    memcpy(inner, name + 1, SHELF_NAME_LEN);
    inner[SHELF_NAME_LEN] = 0;
    (void)snprintf(again, sizeof again, SHELF_PART_FORM, inner);
    return strcmp(name, again) == 0 && read_name(inner, &created_s);
}

static enum ps_err add(struct shelf *shelf, int directory, const char *name)
{
    struct shelved backup = {.octets = 0};
    struct stat found;
    struct shelved *grown;

    if (!read_name(name, &backup.created_s) ||
        fstatat(directory, name, &found, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(found.st_mode)) {
        return PS_OK;
    }
    memcpy(backup.name, name, sizeof backup.name); /* it has that length */
    backup.octets = (uint64_t)found.st_size;
    backup.written_s = found.st_mtim.tv_sec < 0 ? 0 : (uint64_t)found.st_mtim.tv_sec;
    grown = realloc(shelf->all, (shelf->count + 1) * sizeof *grown);
    if (grown == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    shelf->all = grown;
    shelf->all[shelf->count++] = backup;
    return PS_OK;
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct shelved *)a)->name, ((const struct shelved *)b)->name);
}

static void close_directory(DIR **directory)
{
    if (*directory != NULL) {
        (void)closedir(*directory);
    }
}

enum ps_err shelf_read(struct shelf *shelf, const char *directory)
{
    PS_CLEANUP(close_directory) DIR *opened = opendir(directory);
    const struct dirent *entry;

    shelf_clear(shelf);
    if (opened == NULL) {
        return ps_fail_errno(PS_E_STORAGE, "cannot open %.160s", directory);
    }
    while ((entry = readdir(opened)) != NULL) {
        PS_TRY(add(shelf, dirfd(opened), entry->d_name));
    }
    if (shelf->count != 0) {
        qsort(shelf->all, shelf->count, sizeof *shelf->all, compare);
    }
    return PS_OK;
}

enum ps_err shelf_sweep(const char *directory)
{
    PS_CLEANUP(close_directory) DIR *opened = opendir(directory);
    const struct dirent *entry;

    if (opened == NULL) {
        return ps_fail_errno(PS_E_STORAGE, "cannot open %.160s", directory);
    }
    while ((entry = readdir(opened)) != NULL) {
        if (is_part(entry->d_name) && unlinkat(dirfd(opened), entry->d_name, 0) != 0) {
            return ps_fail_errno(PS_E_STORAGE, "cannot remove %.160s", entry->d_name);
        }
    }
    return PS_OK;
}

size_t shelf_count_surplus(const struct shelf *shelf, const char *newest, uint32_t keep)
{
    size_t count = 0;

    while (count < shelf->count && strcmp(shelf->all[count].name, newest) <= 0) {
        count++;
    }
    return count > keep ? count - keep : 0;
}

enum ps_err shelf_sync(const char *directory)
{
    const int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool is_synced = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0) {
        (void)close(fd);
    }
    return is_synced ? PS_OK : ps_fail_errno(PS_E_STORAGE, "cannot sync %.160s", directory);
}

enum ps_err shelf_remove(const char *directory, const char *name)
{
    char path[PATH_MAX];

    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    if (unlink(path) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot remove %.160s", path);
    }
    return shelf_sync(directory);
}
