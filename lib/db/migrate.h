#ifndef DB_MIGRATE_H
#define DB_MIGRATE_H

#include "lib/db/db.h"

/*
 * The schema of a database, as the numbered steps that lead to it: steps[0] makes version 1 out of
 * an empty database, steps[1] makes version 2 out of version 1. A step that was released is never
 * edited. The version stands in table schema(version).
 */
struct db_schema {
    const char *what;        /* for people: "catalog" */
    uint32_t application_id; /* in the file's header (PRAGMA application_id): 1 to 2^31 - 1 */
    const char *const *steps;
    uint32_t count;
};

/*
 * Brings the database to the newest version, each step in one transaction.
 * Errors: PS_E_STATE: the database is of a newer version than this program knows; PS_E_STORAGE also
 * when the file holds something else. Either way nothing was changed.
 */
PS_MUST_USE enum ps_err db_migrate(struct db *db, const struct db_schema *schema);

#endif
