#include "lib/db/internal.h"

enum ps_err db_defer_checkpoints(struct db *db)
{
    return db_run(db, "PRAGMA wal_autocheckpoint = 0");
}

enum ps_err db_checkpoint(struct db *db, uint64_t *ret_pages)
{
    DB_QUERY_AUTO *query = NULL;
    bool row = false;

    PS_TRY(db_query_begin(db, "PRAGMA wal_checkpoint(PASSIVE)", &query));
    PS_TRY(db_query_step(query, &row));
    *ret_pages = db_column_u64(query, 1);
    return db_query_status(query);
}
