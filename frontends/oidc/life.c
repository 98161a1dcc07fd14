#include "frontends/oidc/life.h"

#include "lib/base/buf.h"

#include <assert.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static enum ps_err read_row(struct db *db, struct ps_bytes boot, struct life *life, bool *ret_known,
                            bool *ret_same)
{
    DB_QUERY_AUTO *query = NULL;

    PS_TRY(db_query_begin(db, "SELECT boot, since_s FROM life", &query));
    PS_TRY(db_query_step(query, ret_known));
    *ret_same = false;
    if (*ret_known) {
        *ret_same = ps_bytes_equal(db_column_text(query, 0), boot);
        life->since_s = db_column_u64(query, 1);
    }
    return db_query_status(query);
}

static enum ps_err write_row(struct db *db, struct ps_bytes boot, uint64_t since_s)
{
    DB_QUERY_AUTO *query = NULL;

    PS_TRY(db_query_begin(db, "INSERT OR REPLACE INTO life VALUES (1, ?1, ?2)", &query));
    db_bind_text(query, 1, boot);
    db_bind_u64(query, 2, since_s);
    return db_query_run(query);
}

static bool is_there(const char *path)
{
    struct stat status;

    return lstat(path, &status) == 0 || errno != ENOENT;
}

static enum ps_err remove_files(const char *path)
{
    static const char *const endings[] = {"-wal", "-shm", ""};

    for (size_t i = 0; i < PS_COUNT_OF(endings); i++) {
        PS_BUF_AUTO name = {.max = 4096};

        ps_buf_printf(&name, "%s%s", path, endings[i]);
        ps_buf_put_u8(&name, '\0');
        PS_TRY(ps_buf_status(&name));
        if (unlink((const char *)name.data) != 0 && errno != ENOENT) {
            return ps_fail_errno(PS_E_STORAGE, "database: %s", (const char *)name.data);
        }
    }
    return PS_OK;
}

enum ps_err life_find(struct db *db, const char *path, struct ps_bytes boot, uint64_t now_s,
                      struct life *ret_life)
{
    const bool there = is_there(path);
    struct life life = {.since_s = 0};
    bool known = false;
    bool same = false;

    assert(boot.len != 0);
    PS_TRY(read_row(db, boot, &life, &known, &same));
    if (!same || !there) {
        /* Whenever the rest is not done, the files are of no start. */
        life = (struct life){.since_s = known || there ? now_s : 0, .is_new = true};
        PS_TRY(write_row(db, ps_bytes_str(""), life.since_s));
        PS_TRY(remove_files(path));
    }
    *ret_life = life;
    return PS_OK;
}

enum ps_err life_begin(struct db *db, struct ps_bytes boot, const struct life *life)
{
    return write_row(db, boot, life->since_s);
}
