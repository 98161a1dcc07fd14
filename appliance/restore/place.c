#include "appliance/restore/internal.h"

#include "lib/system/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Files of a directory that is being made, below the data directory. */
#define PART_EVENTS  RESTORE_PART "/" RESTORE_EVENTS
#define PART_ENTRIES PART_EVENTS "/entries"
#define PART_NOTE    PART_EVENTS "/checkpoint"
#define PART_ROWS    RESTORE_PART "/" RESTORE_ROWS
#define PART_FACTS   RESTORE_PART "/" RESTORE_FACTS

struct place {
    int data_fd;
    FILE *entries;
    FILE *rows;
    bool is_finished;
};

static void close_file(FILE **file)
{
    if (*file != NULL) {
        (void)fclose(*file);
        *file = NULL;
    }
}

/* What an earlier one left half done: its files, and nothing else. */
static void remove_part(const struct place *place)
{
    static const char *const files[] = {PART_ENTRIES, PART_NOTE, PART_ROWS, PART_FACTS};

    for (size_t i = 0; i < PS_COUNT_OF(files); i++) {
        (void)unlinkat(place->data_fd, files[i], 0);
    }
    (void)unlinkat(place->data_fd, PART_EVENTS, AT_REMOVEDIR);
    (void)unlinkat(place->data_fd, RESTORE_PART "/empty", AT_REMOVEDIR);
    (void)unlinkat(place->data_fd, RESTORE_PART, AT_REMOVEDIR);
}

void place_free(struct place *place)
{
    if (place == NULL) {
        return;
    }
    close_file(&place->entries);
    close_file(&place->rows);
    if (place->data_fd >= 0) {
        if (!place->is_finished) {
            remove_part(place);
        }
        (void)close(place->data_fd);
    }
    free(place);
}

/* The log of an appliance begins with the length of its first leaf, which is not zero. */
static enum ps_err check_no_log(const struct place *place)
{
    PS_CLEANUP(file_close_cleanup)
    int fd = openat(place->data_fd, "log/events/entries", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    uint8_t head[2] = {0};

    if (fd < 0) {
        return errno == ENOENT ? PS_OK : ps_fail_errno(PS_E_STORAGE, "log/events/entries");
    }
    if (read(fd, head, sizeof head) < 0) {
        return ps_fail_errno(PS_E_STORAGE, "log/events/entries");
    }
    return head[0] == 0 && head[1] == 0
               ? PS_OK
               : ps_fail(PS_E_CONFLICT, 0,
                         "the data directory has an appliance in it: restore into an empty one");
}

static enum ps_err open_data(struct place *place, const char *data)
{
    if (mkdir(data, 0700) != 0 && errno != EEXIST) {
        return ps_fail_errno(PS_E_STORAGE, "cannot make %.160s", data);
    }
    place->data_fd = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (place->data_fd < 0) {
        return ps_fail_errno(PS_E_STORAGE, "%.160s", data);
    }
    if (faccessat(place->data_fd, RESTORE_DIRECTORY, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        place->is_finished = true; /* nothing of ours is half done */
        return ps_fail(PS_E_CONFLICT, 0,
                       "a backup was restored here already and waits to be taken in: start "
                       "privyseald, or remove the directory `" RESTORE_DIRECTORY "`");
    }
    return check_no_log(place);
}

static enum ps_err make_directory(const struct place *place, const char *name)
{
    return mkdirat(place->data_fd, name, 0700) == 0 ? PS_OK
                                                    : ps_fail_errno(PS_E_STORAGE, "%s", name);
}

static enum ps_err make_file(const struct place *place, const char *name, FILE **ret_file)
{
    const int fd =
        openat(place->data_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    *ret_file = fd < 0 ? NULL : fdopen(fd, "w");
    if (*ret_file != NULL) {
        return PS_OK;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return ps_fail_errno(PS_E_STORAGE, "%s", name);
}

enum ps_err place_new(const char *data, struct place **ret_place)
{
    PS_CLEANUP(place_free_cleanup) struct place *place = calloc(1, sizeof *place);

    if (place == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    place->data_fd = -1;
    PS_TRY(open_data(place, data));
    remove_part(place);
    PS_TRY(make_directory(place, RESTORE_PART));
    PS_TRY(make_directory(place, PART_EVENTS));
    PS_TRY(make_file(place, PART_ENTRIES, &place->entries));
    PS_TRY(make_file(place, PART_ROWS, &place->rows));
    *ret_place = place;
    place = NULL;
    return PS_OK;
}

static enum ps_err put(FILE *file, const uint8_t *head, size_t head_len, struct ps_bytes octets)
{
    return (head_len == 0 || fwrite(head, 1, head_len, file) == head_len) &&
                   fwrite(octets.data, 1, octets.len, file) == octets.len
               ? PS_OK
               : ps_fail_errno(PS_E_STORAGE, "cannot write what is restored");
}

enum ps_err place_put_row(void *context, struct ps_bytes octets)
{
    struct place *place = context;
    uint8_t head[BACKUP_RECORD_HEAD];

    backup_put_head(BACKUP_ROW, octets.len, head);
    return put(place->rows, head, sizeof head, octets);
}

enum ps_err place_put_leaf(void *context, struct ps_bytes octets)
{
    struct place *place = context;
    const uint8_t head[2] = {(uint8_t)(octets.len >> 8), (uint8_t)octets.len};

    return put(place->entries, head, sizeof head, octets);
}

static enum ps_err sync_file(FILE **file)
{
    const bool is_good = fflush(*file) == 0 && fsync(fileno(*file)) == 0;

    if (!is_good) {
        return ps_fail_errno(PS_E_STORAGE, "cannot write what is restored");
    }
    close_file(file);
    return PS_OK;
}

static enum ps_err write_file(const struct place *place, const char *name, struct ps_bytes octets)
{
    PS_CLEANUP(close_file) FILE *file = NULL;

    PS_TRY(make_file(place, name, &file));
    PS_TRY(put(file, NULL, 0, octets));
    return sync_file(&file);
}

static enum ps_err sync_directory(const struct place *place, const char *name)
{
    PS_CLEANUP(file_close_cleanup)
    int fd = openat(place->data_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd >= 0 && fsync(fd) == 0 ? PS_OK : ps_fail_errno(PS_E_STORAGE, "%s", name);
}

enum ps_err place_finish(struct place *place, struct ps_bytes checkpoint, struct ps_bytes facts)
{
    PS_TRY(sync_file(&place->entries));
    PS_TRY(sync_file(&place->rows));
    PS_TRY(write_file(place, PART_NOTE, checkpoint));
    PS_TRY(write_file(place, PART_FACTS, facts));
    PS_TRY(sync_directory(place, PART_EVENTS));
    PS_TRY(sync_directory(place, RESTORE_PART));
    if (renameat(place->data_fd, RESTORE_PART, place->data_fd, RESTORE_DIRECTORY) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot give %s its name", RESTORE_DIRECTORY);
    }
    place->is_finished = true;
    return sync_directory(place, ".");
}
