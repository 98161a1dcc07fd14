#include "frontends/certify/providers/options.h"
#include "lib/db/db.h"

#include <pthread.h>
#include <stdlib.h>

/*
 * Options: database=PATH of a SQLite database, query=a statement whose one row has one column, a
 * JSON object; its parameter ?1 is the subject: SELECT json_object('name', name) FROM person WHERE
 * id = ?1. The file has to be readable and writable for the program, with its directory.
 */

struct sql {
    pthread_mutex_t mutex; /* of all below */
    struct db *db;
    char *query;
};

static void close_sql(void *plugin)
{
    struct sql *sql = plugin;

    db_close(sql->db);
    free(sql->query);
    (void)pthread_mutex_destroy(&sql->mutex);
    free(sql);
}

/* Whether the database has what the statement wants is seen at once. */
static enum ps_err open_database(struct sql *sql, const char *path, const char *query)
{
    DB_QUERY_AUTO *prepared = NULL;

    sql->query = ps_bytes_to_str(ps_bytes_str(query));
    if (sql->query == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    PS_TRY(db_open(path, &sql->db));
    return db_query_begin(sql->db, sql->query, &prepared);
}

static int open_sql(const struct privyseal_data_option *options, size_t count, void **ret_plugin,
                    char *ret_error)
{
    const char *path = option_of(options, count, "database");
    const char *query = option_of(options, count, "query");
    struct sql *sql;

    if (path == NULL || query == NULL) {
        return option_error(ret_error, "it needs the options database and query");
    }
    sql = calloc(1, sizeof *sql);
    if (sql == NULL) {
        return option_error(ret_error, "out of memory");
    }
    (void)pthread_mutex_init(&sql->mutex, NULL);
    if (open_database(sql, path, query) != PS_OK) {
        close_sql(sql);
        return option_error(ret_error, ps_detail()->text);
    }
    *ret_plugin = sql;
    return 0;
}

static enum ps_err ask(struct sql *sql, const char *subject,
                       const struct privyseal_data_answer *answer)
{
    DB_QUERY_AUTO *query = NULL;
    struct ps_bytes person;
    bool row = false;

    PS_TRY(db_query_begin(sql->db, sql->query, &query));
    db_bind_text(query, 1, ps_bytes_str(subject));
    PS_TRY(db_query_step(query, &row));
    if (!row) {
        return PS_E_NOT_FOUND;
    }
    person = db_column_text(query, 0);
    PS_TRY(db_query_status(query));
    return answer->put(answer->context, person.data, person.len) == 0
               ? PS_OK
               : ps_fail(PS_E_LIMIT, 0, "a person's data are too long");
}

static enum privyseal_data_result fetch(void *plugin, const struct privyseal_data_request *request,
                                        const struct privyseal_data_answer *answer)
{
    struct sql *sql = plugin;
    enum ps_err err;

    (void)pthread_mutex_lock(&sql->mutex);
    err = ask(sql, request->subject, answer);
    (void)pthread_mutex_unlock(&sql->mutex);
    if (err == PS_OK || err == PS_E_NOT_FOUND) {
        return err == PS_OK ? PRIVYSEAL_DATA_FOUND : PRIVYSEAL_DATA_NOT_FOUND;
    }
    answer->explain(answer->context, ps_detail()->text);
    return err == PS_E_BUSY ? PRIVYSEAL_DATA_AWAY : PRIVYSEAL_DATA_FAILED;
}

const struct privyseal_data_provider privyseal_data_provider = {
    .abi = PRIVYSEAL_DATA_ABI,
    .size = sizeof privyseal_data_provider,
    .name = "sql",
    .version = PRIVYSEAL_VERSION,
    .open = open_sql,
    .fetch = fetch,
    .close = close_sql,
};
