#include "keystore/backup/restored_files.h"

#include "keystore/log/io.h"
#include "lib/base/reader.h"
#include "lib/ceremony/backup/backup_row.h"
#include "lib/ceremony/backup/restore_format.h"
#include "lib/ceremony/log/leaf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_OCTETS 4500u
#define EMPTY       "empty" /* the log of before, which has no leaves, on its way out */

/* Of one transaction. A row is as large as a record at most. */
#define BATCH_ROWS   128u
#define BATCH_OCTETS (BACKUP_RECORD_MAX + 256u * 1024u)

static void close_fd(const int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
}

/* Below the data directory, ended by NUL. */
static enum ps_err put_path(struct ps_bytes base, const char *name, struct ps_buf *out)
{
    ps_buf_reset(out);
    ps_buf_printf(out, "%.*s/%s", PS_BYTES_FMT(base), name);
    ps_buf_put_u8(out, '\0');
    return ps_buf_status(out);
}

static const char *text_of(const struct ps_buf *path)
{
    return (const char *)path->data;
}

enum ps_err restored_files_exist(struct ps_bytes data_directory, bool *ret_exist)
{
    PS_BUF_AUTO path = {.max = PATH_OCTETS};

    PS_TRY(put_path(data_directory, RESTORE_DIRECTORY, &path));
    *ret_exist = access(text_of(&path), F_OK) == 0;
    return *ret_exist || errno == ENOENT ? PS_OK
                                         : ps_fail_errno(PS_E_STORAGE, "%s", text_of(&path));
}

/* --- The rows --- */

/* What is taken in by one transaction: rows, whose octets stay as they are. */
struct batch {
    struct ps_buf octets; /* with room for all of them from the beginning */
    struct catalog_change changes[BATCH_ROWS];
    size_t count;
};

static void clear_batch(struct batch *batch)
{
    ps_buf_clear(&batch->octets);
}

static enum ps_err begin_batch(struct batch *batch)
{
    ps_buf_init(&batch->octets, BATCH_OCTETS);
    (void)ps_buf_reserve(&batch->octets, BATCH_OCTETS);
    return ps_buf_status(&batch->octets);
}

/* What a crash has left there, or a file says twice, stays as it is. */
static enum ps_err take_singly(struct catalog *catalog, const struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        const enum ps_err err = catalog_apply(catalog, &batch->changes[i], 1, 0, NULL);

        if (err != PS_OK && err != PS_E_CONFLICT) {
            return err;
        }
    }
    return PS_OK;
}

static enum ps_err take_batch(struct catalog *catalog, struct batch *batch)
{
    enum ps_err err =
        batch->count == 0 ? PS_OK : catalog_apply(catalog, batch->changes, batch->count, 0, NULL);

    if (err == PS_E_CONFLICT || err == PS_E_INPUT) {
        err = take_singly(catalog, batch);
    }
    batch->count = 0;
    ps_buf_reset(&batch->octets);
    return err;
}

static struct ps_bytes keep(struct ps_buf *octets, struct ps_bytes what)
{
    const size_t at = octets->len;

    ps_buf_put(octets, what);
    return ps_bytes(octets->data + at, what.len);
}

static enum ps_err put_row(struct catalog *catalog, struct batch *batch, struct ps_bytes name,
                           struct ps_bytes body)
{
    if (batch->count == BATCH_ROWS || name.len + body.len > BATCH_OCTETS - batch->octets.len) {
        PS_TRY(take_batch(catalog, batch));
    }
    batch->changes[batch->count++] = (struct catalog_change){.kind = CATALOG_WRAPPED,
                                                             .name = keep(&batch->octets, name),
                                                             .body = keep(&batch->octets, body)};
    return ps_buf_status(&batch->octets);
}

static enum ps_err read_row(struct catalog *catalog, struct batch *batch, struct json *json,
                            struct ps_bytes octets)
{
    struct backup_row row;

    PS_TRY(backup_row_read(json, octets, &row));
    return put_row(catalog, batch, row.name, json_raw(row.body));
}

/* The next record of the file, without its head, in `record`; empty: there is none. */
static enum ps_err read_record(FILE *file, struct ps_buf *record)
{
    uint8_t head[BACKUP_RECORD_HEAD];
    struct ps_reader reader = ps_reader(ps_bytes(head, sizeof head));
    const size_t got = fread(head, 1, sizeof head, file);
    uint32_t len;
    uint8_t *room;

    ps_buf_reset(record);
    if (got == 0 && feof(file)) {
        return PS_OK;
    }
    if (got != sizeof head || ps_reader_u8(&reader) != BACKUP_ROW) {
        return ps_fail(PS_E_INPUT, 0, "the restored rows are no records of rows");
    }
    len = ps_reader_u32(&reader);
    if (len == 0 || len > BACKUP_RECORD_MAX) {
        return ps_fail(PS_E_INPUT, 0, "a restored row of %u octets", len);
    }
    room = ps_buf_reserve(record, len);
    PS_TRY(ps_buf_status(record));
    record->len = len;
    return fread(room, 1, len, file) == len
               ? PS_OK
               : ps_fail(PS_E_INPUT, 0, "the restored rows end in the middle");
}

static void close_file(FILE **file)
{
    if (*file != NULL) {
        (void)fclose(*file);
    }
}

static enum ps_err take_rows(struct ps_bytes data_directory, struct catalog *catalog)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    PS_CLEANUP(close_file) FILE *file = NULL;
    PS_CLEANUP(clear_batch) struct batch batch = {.count = 0};
    PS_BUF_AUTO record = {.max = BACKUP_RECORD_MAX};
    PS_BUF_AUTO path = {.max = PATH_OCTETS};

    PS_TRY(put_path(data_directory, RESTORE_DIRECTORY "/" RESTORE_ROWS, &path));
    PS_TRY(json_new(&json));
    PS_TRY(begin_batch(&batch));
    file = fopen(text_of(&path), "re");
    if (file == NULL) {
        return ps_fail_errno(PS_E_STORAGE, "%s", text_of(&path));
    }
    PS_TRY(read_record(file, &record));
    while (record.len != 0) {
        PS_TRY(read_row(catalog, &batch, json, ps_buf_bytes(&record)));
        PS_TRY(read_record(file, &record));
    }
    return take_batch(catalog, &batch);
}

/* --- What is there before --- */

static enum ps_err fail_taken(const char *what)
{
    return ps_fail(PS_E_DENIED, 0,
                   "there is a %s, and beside it one that was restored: an appliance is restored "
                   "into an empty data directory",
                   what);
}

/* Room that was made before is zeros; a leaf begins with the length of one. */
static enum ps_err check_no_leaves(int fd, const char *what)
{
    uint8_t piece[4096];
    uint8_t octet = 0;
    ssize_t got;

    while ((got = read(fd, piece, sizeof piece)) > 0) {
        for (ssize_t i = 0; i < got; i++) {
            octet |= piece[i];
        }
    }
    if (got < 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot read the %s", what);
    }
    return octet == 0 ? PS_OK : fail_taken(what);
}

static enum ps_err check_no_tree(int directory, const char *tree, const char *what)
{
    char name[300];
    PS_CLEANUP(close_fd) int fd = -1;

    (void)snprintf(name, sizeof name, "%s/checkpoint", tree);
    if (faccessat(directory, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        return fail_taken(what);
    }
    (void)snprintf(name, sizeof name, "%s/entries", tree);
    fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT || errno == ENOTDIR ? PS_OK
                                                   : ps_fail_errno(PS_E_STORAGE, "%s", name);
    }
    return check_no_leaves(fd, what);
}

static void close_directory(DIR **directory)
{
    if (*directory != NULL) {
        (void)closedir(*directory);
    }
}

/* Of files alone; one that is not there is as good. */
static enum ps_err remove_directory(const char *path)
{
    PS_CLEANUP(close_directory) DIR *directory = opendir(path);
    const struct dirent *entry;

    if (directory == NULL) {
        return errno == ENOENT ? PS_OK : ps_fail_errno(PS_E_STORAGE, "%s", path);
    }
    while ((entry = readdir(directory)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            unlinkat(dirfd(directory), entry->d_name, 0) != 0) {
            return ps_fail_errno(PS_E_STORAGE, "%s/%s", path, entry->d_name);
        }
    }
    return rmdir(path) == 0 ? PS_OK : ps_fail_errno(PS_E_STORAGE, "%s", path);
}

/* A keeper made it, in which nobody used a key: a shard without leaves is none that is complete. */
static enum ps_err remove_shard(struct ps_bytes data_directory, const char *name)
{
    PS_BUF_AUTO path = {.max = PATH_OCTETS};
    char shard[300];

    (void)snprintf(shard, sizeof shard, "log/use/%s", name);
    PS_TRY(put_path(data_directory, shard, &path));
    return remove_directory(text_of(&path));
}

static enum ps_err clear_uses(struct ps_bytes data_directory)
{
    PS_CLEANUP(close_directory) DIR *shards = NULL;
    PS_BUF_AUTO path = {.max = PATH_OCTETS};
    const struct dirent *entry;

    PS_TRY(put_path(data_directory, "log/use", &path));
    shards = opendir(text_of(&path));
    if (shards == NULL) {
        return errno == ENOENT ? PS_OK : ps_fail_errno(PS_E_STORAGE, "%s", text_of(&path));
    }
    while ((entry = readdir(shards)) != NULL) {
        if (!log_shard_name_valid(ps_bytes_str(entry->d_name))) {
            continue;
        }
        PS_TRY(check_no_tree(dirfd(shards), entry->d_name, "log of uses with leaves"));
        PS_TRY(remove_shard(data_directory, entry->d_name));
    }
    return PS_OK;
}

static enum ps_err note_row(void *context, const struct catalog_row *row)
{
    (void)row;
    *(bool *)context = true;
    return PS_OK;
}

/* A keeper that has no appliance yet writes none of these. */
static enum ps_err check_no_rows(struct catalog *catalog)
{
    bool has_any = false;

    for (unsigned kind = 0; kind < CATALOG_AUTHORISING_COUNT; kind++) {
        PS_TRY(catalog_list(catalog, (enum catalog_kind)kind, ps_bytes(NULL, 0), 1, note_row,
                            &has_any));
    }
    return has_any ? fail_taken("catalog with an appliance in it") : PS_OK;
}

/*
 * Nothing of another appliance is mixed with what was restored: neither would be what its log says.
 * Once the log was moved these are what was made of it.
 */
static enum ps_err clear_place(struct ps_bytes data_directory, struct catalog *catalog)
{
    PS_BUF_AUTO path = {.max = PATH_OCTETS};

    PS_TRY(put_path(data_directory, RESTORE_DIRECTORY "/" RESTORE_EVENTS, &path));
    if (access(text_of(&path), F_OK) != 0) {
        return errno == ENOENT ? PS_OK : ps_fail_errno(PS_E_STORAGE, "%s", text_of(&path));
    }
    PS_TRY(check_no_rows(catalog));
    return clear_uses(data_directory);
}

/* --- The log --- */

/* The log that a keeper made before: it has no leaves, and goes out of the way. */
static enum ps_err move_empty_log(struct ps_bytes data_directory, const char *path)
{
    PS_BUF_AUTO other = {.max = PATH_OCTETS};
    PS_CLEANUP(close_fd) int fd = -1;

    PS_TRY(put_path(data_directory, "log/events/entries", &other));
    fd = open(text_of(&other), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno != ENOENT) {
        return ps_fail_errno(PS_E_STORAGE, "%s", text_of(&other));
    }
    PS_TRY(fd < 0 ? PS_OK : check_no_leaves(fd, "log with leaves"));
    PS_TRY(put_path(data_directory, RESTORE_DIRECTORY "/" EMPTY, &other));
    return rename(path, text_of(&other)) == 0 || errno == ENOENT
               ? PS_OK
               : ps_fail_errno(PS_E_STORAGE, "cannot move %s", path);
}

static enum ps_err make_directory(const char *path)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST
               ? PS_OK
               : ps_fail_errno(PS_E_STORAGE, "cannot make %s", path);
}

static enum ps_err take_log(struct ps_bytes data_directory)
{
    PS_BUF_AUTO from = {.max = PATH_OCTETS};
    PS_BUF_AUTO to = {.max = PATH_OCTETS};

    PS_TRY(put_path(data_directory, RESTORE_DIRECTORY "/" RESTORE_EVENTS, &from));
    if (access(text_of(&from), F_OK) != 0) {
        return errno == ENOENT
                   ? PS_OK
                   : ps_fail_errno(PS_E_STORAGE, "%s", text_of(&from)); /* it was moved */
    }
    PS_TRY(put_path(data_directory, "log", &to));
    PS_TRY(make_directory(text_of(&to)));
    PS_TRY(put_path(data_directory, "log/events", &to));
    PS_TRY(move_empty_log(data_directory, text_of(&to)));
    if (rename(text_of(&from), text_of(&to)) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot put the restored log to %s", text_of(&to));
    }
    return io_sync_parent(text_of(&to));
}

/* The next shard of uses does not have the name of one that the appliance of before had. */
static enum ps_err make_shard(struct ps_bytes data_directory)
{
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    PS_BUF_AUTO text = {.max = RESTORE_FACTS_MAX};
    struct restored_facts facts;
    char name[64];
    PS_BUF_AUTO path = {.max = PATH_OCTETS};

    PS_TRY(json_new(&json));
    PS_TRY(restored_files_read_facts(data_directory, json, &text, &facts));
    if (facts.shard.len == 0) {
        return PS_OK;
    }
    PS_TRY(put_path(data_directory, "log/use", &path));
    PS_TRY(make_directory(text_of(&path)));
    (void)snprintf(name, sizeof name, "log/use/%.*s", PS_BYTES_FMT(facts.shard));
    PS_TRY(put_path(data_directory, name, &path));
    PS_TRY(make_directory(text_of(&path)));
    return io_sync_parent(text_of(&path));
}

enum ps_err restored_files_take(struct ps_bytes data_directory, struct catalog *catalog)
{
    PS_TRY(clear_place(data_directory, catalog));
    PS_TRY(take_rows(data_directory, catalog));
    PS_TRY(take_log(data_directory));
    return make_shard(data_directory);
}

/* --- What is said of it --- */

static enum ps_err read_file(const char *path, struct ps_buf *out)
{
    PS_CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    uint8_t *room = ps_buf_reserve(out, RESTORE_FACTS_MAX);
    ssize_t got;

    PS_TRY(ps_buf_status(out));
    got = fd < 0 ? -1 : read(fd, room, RESTORE_FACTS_MAX);
    if (got < 0) {
        return ps_fail_errno(PS_E_STORAGE, "%s", path);
    }
    out->len = (size_t)got;
    return PS_OK;
}

enum ps_err restored_facts_parse(struct json *json, struct ps_bytes octets,
                                 struct restored_facts *ret_facts)
{
    static const struct json_field fields[] = {
        JSON_FIELD(struct restored_facts, created, JSON_KIND_STRING, true, 39),
        JSON_FIELD(struct restored_facts, file, JSON_KIND_STRING, true, RESTORE_FILE_MAX),
        JSON_FIELD(struct restored_facts, leaves, JSON_KIND_U64, true, 0),
        JSON_FIELD(struct restored_facts, mirrored, JSON_KIND_BOOL, true, 0),
        JSON_FIELD(struct restored_facts, shard, JSON_KIND_STRING, false, TREE_NAME_MAX),
    };
    struct restored_facts facts = {.leaves = 0};
    struct json_value root;

    PS_TRY(json_parse(json, octets, &JSON_LIMITS_REQUEST, &root));
    PS_TRY(json_read_object(root, fields, PS_COUNT_OF(fields), &facts, NULL));
    if (facts.shard.len != 0 && !log_shard_name_valid(facts.shard)) {
        return ps_fail(PS_E_INPUT, 0, "`shard` is no name of one");
    }
    *ret_facts = facts;
    return PS_OK;
}

enum ps_err restored_files_read_facts(struct ps_bytes data_directory, struct json *json,
                                      struct ps_buf *text, struct restored_facts *ret_facts)
{
    PS_BUF_AUTO path = {.max = PATH_OCTETS};

    PS_TRY(put_path(data_directory, RESTORE_DIRECTORY "/" RESTORE_FACTS, &path));
    PS_TRY(read_file(text_of(&path), text));
    return restored_facts_parse(json, ps_buf_bytes(text), ret_facts);
}

enum ps_err restored_files_remove(struct ps_bytes data_directory)
{
    PS_BUF_AUTO from = {.max = PATH_OCTETS};
    PS_BUF_AUTO to = {.max = PATH_OCTETS};

    PS_TRY(put_path(data_directory, RESTORE_DIRECTORY, &from));
    PS_TRY(put_path(data_directory, RESTORE_PART, &to));
    /* At once: what has the name was not taken in. */
    if (rename(text_of(&from), text_of(&to)) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "%s", text_of(&from));
    }
    PS_TRY(io_sync_parent(text_of(&to)));
    PS_TRY(put_path(data_directory, RESTORE_PART "/" EMPTY, &from));
    PS_TRY(remove_directory(text_of(&from)));
    return remove_directory(text_of(&to));
}
