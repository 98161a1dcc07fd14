#include "keystore/backup/backup_file.h"

#include "keystore/backup/shelf.h"
#include "keystore/log/io.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define GATHER (256u * 1024u) /* octets that go out in one write */

struct backup_file {
    int fd;
    char part[PATH_MAX]; /* its name while it is written */
    char path[PATH_MAX];
    char directory[PATH_MAX];
    struct ps_buf gathered;
    uint64_t written; /* octets before those gathered */
    uint64_t rows;
    uint8_t rows_hash[PS_SHA256_LEN];
    uint8_t whole[PS_SHA256_LEN];
    uint64_t header_end; /* and the chain there */
    uint8_t header_whole[PS_SHA256_LEN];
    bool is_finished;
};

static enum ps_err flush(struct backup_file *file)
{
    PS_TRY(ps_buf_status(&file->gathered));
    PS_TRY(io_write(&log_io_system, file->fd, ps_buf_bytes(&file->gathered), file->written,
                    "backup", file->part));
    file->written += file->gathered.len;
    ps_buf_reset(&file->gathered);
    return PS_OK;
}

static enum ps_err set_names(struct backup_file *file, const char *directory, const char *name)
{
    const int part =
        snprintf(file->part, sizeof file->part, "%s/" SHELF_PART_FORM, directory, name);
    const int path = snprintf(file->path, sizeof file->path, "%s/%s", directory, name);

    (void)snprintf(file->directory, sizeof file->directory, "%s", directory);
    if (part < 0 || (size_t)part >= sizeof file->part || path < 0) {
        return ps_fail(PS_E_STORAGE, 0, "the path of the backup is too long");
    }
    return PS_OK;
}

enum ps_err backup_file_new(const char *directory, const char *name, struct backup_file **ret_file)
{
    PS_CLEANUP(backup_file_free_cleanup) struct backup_file *file = calloc(1, sizeof *file);

    if (file == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    file->fd = -1;
    ps_buf_init(&file->gathered, GATHER + BACKUP_RECORD_HEAD + BACKUP_RECORD_MAX);
    PS_TRY(set_names(file, directory, name));
    (void)unlink(file->part);
    file->fd = open(file->part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file->fd < 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot make %.160s", file->part);
    }
    ps_buf_put_str(&file->gathered, BACKUP_MAGIC);
    *ret_file = file;
    file = NULL;
    return PS_OK;
}

void backup_file_free(struct backup_file *file)
{
    if (file == NULL) {
        return;
    }
    if (file->fd >= 0) {
        (void)close(file->fd);
        if (!file->is_finished) {
            (void)unlink(file->part);
        }
    }
    ps_buf_clear(&file->gathered);
    free(file);
}

enum ps_err backup_file_put(struct backup_file *file, enum backup_kind kind, struct ps_bytes octets)
{
    const size_t before = file->gathered.len;
    uint8_t head[BACKUP_RECORD_HEAD];
    struct ps_bytes record;

    if (octets.len > BACKUP_RECORD_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "a record of %zu octets", octets.len);
    }
    backup_put_head(kind, octets.len, head);
    ps_buf_put(&file->gathered, ps_bytes(head, sizeof head));
    ps_buf_put(&file->gathered, octets);
    PS_TRY(ps_buf_status(&file->gathered));
    record = ps_bytes_from(ps_buf_bytes(&file->gathered), before);
    backup_chain_add(file->whole, record);
    if (kind == BACKUP_ROW) {
        backup_chain_add(file->rows_hash, record);
        file->rows++;
    }
    if (kind == BACKUP_HEADER) {
        PS_TRY(flush(file));
        file->header_end = file->written;
        memcpy(file->header_whole, file->whole, sizeof file->whole);
    }
    return file->gathered.len < GATHER ? PS_OK : flush(file);
}

enum ps_err backup_file_rewind(struct backup_file *file)
{
    ps_buf_reset(&file->gathered);
    if (ftruncate(file->fd, (off_t)file->header_end) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot cut %.160s", file->part);
    }
    file->written = file->header_end;
    memcpy(file->whole, file->header_whole, sizeof file->whole);
    memset(file->rows_hash, 0, sizeof file->rows_hash);
    file->rows = 0;
    return PS_OK;
}

uint64_t backup_file_rows(const struct backup_file *file)
{
    return file->rows;
}

const uint8_t *backup_file_rows_hash(const struct backup_file *file)
{
    return file->rows_hash;
}

enum ps_err backup_file_finish(struct backup_file *file)
{
    uint8_t chain[PS_SHA256_LEN];
    enum ps_err err;

    memcpy(chain, file->whole, sizeof chain);
    PS_TRY(backup_file_put(file, BACKUP_END, ps_bytes(chain, sizeof chain)));
    PS_TRY(flush(file));
    PS_TRY(io_sync(&log_io_system, file->fd, "backup", file->part));
    if (rename(file->part, file->path) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "cannot rename %.160s", file->part);
    }
    file->is_finished = true;
    err = shelf_sync(file->directory);
    if (err != PS_OK) {
        (void)unlink(file->path);
    }
    return err;
}
