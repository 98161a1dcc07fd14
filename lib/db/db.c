#include "lib/db/db.h"

#include "lib/db/internal.h"

#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct setting {
    int option;
    int value;
};

/*
 * The file may have been edited by somebody else: what its schema could make us run is off.
 * https://www.sqlite.org/security.html, section 1.
 */
static const struct setting settings[] = {
    {SQLITE_DBCONFIG_DEFENSIVE, 1},       {SQLITE_DBCONFIG_DQS_DDL, 0},
    {SQLITE_DBCONFIG_DQS_DML, 0},         {SQLITE_DBCONFIG_ENABLE_FKEY, 1},
    {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},  {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
    {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},  {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
    {SQLITE_DBCONFIG_WRITABLE_SCHEMA, 0},
};

static const struct setting limits[] = {
    {SQLITE_LIMIT_LENGTH, (int)DB_VALUE_MAX},
    {SQLITE_LIMIT_SQL_LENGTH, (int)DB_VALUE_MAX},
    {SQLITE_LIMIT_ATTACHED, 0},
    {SQLITE_LIMIT_TRIGGER_DEPTH, 1},
    {SQLITE_LIMIT_WORKER_THREADS, 0},
};

/* Temporary tables stay in memory: a confined process has no directory for them. */
static const char pragmas[] = "PRAGMA mmap_size = 0;"
                              "PRAGMA cell_size_check = ON;"
                              "PRAGMA temp_store = MEMORY;"
                              "PRAGMA secure_delete = ON;"
                              "PRAGMA synchronous = FULL;"
                              "PRAGMA journal_size_limit = 16777216;";

static enum ps_err configure(struct db *db)
{
    for (size_t i = 0; i < PS_COUNT_OF(settings); i++) {
        const int code =
            sqlite3_db_config(db->sqlite, settings[i].option, settings[i].value, (int *)NULL);

        if (code != SQLITE_OK) {
            return db_fail(db->sqlite, code, "configure");
        }
    }
    for (size_t i = 0; i < PS_COUNT_OF(limits); i++) {
        (void)sqlite3_limit(db->sqlite, limits[i].option, limits[i].value);
    }
    (void)sqlite3_busy_timeout(db->sqlite, DB_BUSY_MS);
    return db_run(db, pragmas);
}

static enum ps_err use_write_ahead_log(struct db *db)
{
    DB_QUERY_AUTO *query = NULL;
    bool row = false;

    PS_TRY(db_query_begin(db, "PRAGMA journal_mode = WAL", &query));
    PS_TRY(db_query_step(query, &row));
    if (!row || !ps_bytes_equal_str(db_column_text(query, 0), "wal")) {
        return ps_fail(PS_E_STORAGE, 0, "database: no write-ahead log on this file system");
    }
    return PS_OK;
}

/* Reading is what makes SQLite open its -wal and -shm files. */
static enum ps_err read_something(struct db *db)
{
    DB_QUERY_AUTO *query = NULL;
    bool row = false;

    PS_TRY(db_query_begin(db, "SELECT count(*) FROM sqlite_schema", &query));
    PS_TRY(db_query_step(query, &row));
    (void)db_column_u64(query, 0);
    return db_query_status(query);
}

static enum ps_err sync_directory_of(const char *path)
{
    char *copy = strdup(path);
    enum ps_err err = PS_OK;
    int fd;

    if (copy == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        err = ps_fail_errno(PS_E_STORAGE, "database: directory of %s", path);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    free(copy);
    return err;
}

/* SQLite would make the file as the umask says, and give its other files the same mode. */
static enum ps_err make_file(const char *path)
{
    const int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    struct stat status;

    if (fd >= 0) {
        (void)close(fd);
        return sync_directory_of(path);
    }
    if (lstat(path, &status) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "database: %s", path);
    }
    if (!S_ISREG(status.st_mode)) {
        return ps_fail(PS_E_STORAGE, 0, "database: %s is not a regular file", path);
    }
    return PS_OK;
}

static enum ps_err name_files(struct db *db, const char *path)
{
    static const char *const endings[FILE_COUNT] = {
        [FILE_DATABASE] = "", [FILE_WAL] = "-wal", [FILE_SHM] = "-shm"};

    for (size_t i = 0; i < FILE_COUNT; i++) {
        if (asprintf(&db->paths[i], "%s%s", path, endings[i]) < 0) {
            db->paths[i] = NULL;
            return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
        }
    }
    return PS_OK;
}

static enum ps_err open_sqlite(struct db *db, const char *path)
{
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int code = sqlite3_open_v2(path, &db->sqlite, flags, NULL);

    return code == SQLITE_OK ? PS_OK : db_fail(db->sqlite, code, "open");
}

static enum ps_err open_file(struct db *db, const char *path)
{
    PS_TRY(name_files(db, path));
    PS_TRY(make_file(path));
    PS_TRY(open_sqlite(db, path));
    PS_TRY(configure(db));
    PS_TRY(use_write_ahead_log(db));
    PS_TRY(read_something(db));
    PS_TRY(db_note_files(db));
    return db_check_alive(db);
}

enum ps_err db_open(const char *path, struct db **ret_db)
{
    PS_CLEANUP(db_close_cleanup) struct db *db = calloc(1, sizeof *db);

    if (db == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    PS_TRY(open_file(db, path));
    *ret_db = db;
    db = NULL;
    return PS_OK;
}

void db_close(struct db *db)
{
    if (db == NULL) {
        return;
    }
    db_forget_queries(db);
    (void)sqlite3_close_v2(db->sqlite);
    for (size_t i = 0; i < FILE_COUNT; i++) {
        free(db->paths[i]);
    }
    free(db);
}

enum ps_err db_run(struct db *db, const char *sql)
{
    const int code = sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL);

    return code == SQLITE_OK ? PS_OK : db_fail(db->sqlite, code, "run");
}

enum ps_err db_data_version(struct db *db, uint64_t *ret_version)
{
    DB_QUERY_AUTO *query = NULL;
    uint64_t version;
    bool row = false;

    PS_TRY(db_query_begin(db, "PRAGMA data_version", &query));
    PS_TRY(db_query_step(query, &row));
    version = db_column_u64(query, 0);
    PS_TRY(db_query_status(query));
    *ret_version = version;
    return PS_OK;
}

uint64_t db_changes(const struct db *db)
{
    return (uint64_t)sqlite3_changes64(db->sqlite);
}
