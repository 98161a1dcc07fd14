#include "lib/db/internal.h"

#include <sys/stat.h>

/* First octets of every database file; https://www.sqlite.org/fileformat.html, section 1.3. */
static const char magic[16] = "SQLite format 3";

static enum ps_err look_at(const char *path, struct file_identity *ret_identity)
{
    struct stat status;

    if (stat(path, &status) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "database: %s", path);
    }
    *ret_identity = (struct file_identity){.device = status.st_dev, .inode = status.st_ino};
    return PS_OK;
}

enum ps_err db_note_files(struct db *db)
{
    for (size_t i = 0; i < FILE_COUNT; i++) {
        PS_TRY(look_at(db->paths[i], &db->files[i]));
    }
    return PS_OK;
}

/*
 * An open file keeps its inode number from being given to another, so that a file of the same
 * device and number is the same file. Changes to a -wal that is no longer under its name would be
 * lost with the process, so it counts as much as the database.
 */
static enum ps_err check_names(const struct db *db)
{
    for (size_t i = 0; i < FILE_COUNT; i++) {
        struct file_identity now = {0};

        PS_TRY(look_at(db->paths[i], &now));
        if (now.device != db->files[i].device || now.inode != db->files[i].inode) {
            return ps_fail(PS_E_STORAGE, 0, "database: %s was replaced by another file",
                           db->paths[i]);
        }
    }
    return PS_OK;
}

/*
 * Reads round SQLite's cache, but through its descriptor: opening the file once more and closing
 * that would drop SQLite's locks (POSIX advisory locks belong to the process).
 */
static enum ps_err check_header(struct db *db)
{
    char header[sizeof magic];
    sqlite3_file *file = NULL;
    int moved = 0;
    int code;

    (void)sqlite3_file_control(db->sqlite, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    code = sqlite3_file_control(db->sqlite, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    if (code != SQLITE_OK || file == NULL || file->pMethods == NULL || moved != 0) {
        return ps_fail(PS_E_STORAGE, code, "database: the file is no longer the one opened");
    }
    code = file->pMethods->xRead(file, header, sizeof header, 0);
    if (code != SQLITE_OK) {
        return ps_fail(PS_E_STORAGE, code, "database: cannot be read: %s", sqlite3_errstr(code));
    }
    if (memcmp(header, magic, sizeof magic) != 0) {
        return ps_fail(PS_E_STORAGE, 0, "database: the file is no database any more");
    }
    return PS_OK;
}

enum ps_err db_check_alive(struct db *db)
{
    DB_QUERY_AUTO *query = NULL;
    bool row = false;

    PS_TRY(check_names(db));
    PS_TRY(check_header(db));
    PS_TRY(db_query_begin(db, "SELECT count(*) FROM sqlite_schema", &query));
    PS_TRY(db_query_step(query, &row));
    (void)db_column_u64(query, 0);
    return db_query_status(query);
}
