#include "keystore/catalog/migrations.h"

/*
 * Version 1. `body` is the document's own octets. Rows are large for a table without rowid, and yet
 * walking one kind in order is three times as fast so; see the decision record.
 */
static const char first[] = "CREATE TABLE row ("
                            " kind TEXT NOT NULL,"
                            " name TEXT NOT NULL,"
                            " revision INTEGER NOT NULL CHECK (revision >= 1),"
                            " event INTEGER NOT NULL CHECK (event >= 0),"
                            " body TEXT NOT NULL,"
                            " PRIMARY KEY (kind, name)"
                            ") STRICT, WITHOUT ROWID;"
                            "CREATE TABLE answer ("
                            " caller BLOB NOT NULL,"
                            " key BLOB NOT NULL,"
                            " body_hash BLOB NOT NULL,"
                            " status INTEGER NOT NULL CHECK (status BETWEEN 0 AND 599),"
                            " answer BLOB NOT NULL,"
                            " expires_ns INTEGER NOT NULL,"
                            " PRIMARY KEY (caller, key)"
                            ") STRICT;"
                            "CREATE INDEX answer_expires ON answer (expires_ns);";

static const char *const steps[] = {
    first,
};

const struct db_schema catalog_schema = {
    .what = "catalog",
    .application_id = 0x50565343, /* "PVSC" */
    .steps = steps,
    .count = PS_COUNT_OF(steps),
};
