#ifndef DB_INTERNAL_H
#define DB_INTERNAL_H

#include "lib/db/db.h"

#include <sqlite3.h>
#include <sys/types.h>

/* Statements that are kept compiled; there are about twenty in a program. */
#define KEPT_QUERIES_MAX 32

struct db_query {
    struct db *db;
    const char *sql; /* the key; NULL for a copy that is not kept */
    sqlite3_stmt *statement;
    enum ps_err status; /* of binds and columns */
    bool in_use;
};

/* The database's files, as they were when we opened them. */
enum { FILE_DATABASE, FILE_WAL, FILE_SHM, FILE_COUNT };

struct file_identity {
    dev_t device;
    ino_t inode;
};

struct db {
    sqlite3 *sqlite;
    char *paths[FILE_COUNT];
    struct file_identity files[FILE_COUNT];
    struct db_query kept[KEPT_QUERIES_MAX];
    size_t kept_count;
};

/* Maps and records what SQLite just said; `what` we were about. */
PS_MUST_USE enum ps_err db_fail(sqlite3 *sqlite, int code, const char *what);

/* Finalises the kept statements. */
void db_forget_queries(struct db *db);

/* What the files are now. */
PS_MUST_USE enum ps_err db_note_files(struct db *db);

#endif
