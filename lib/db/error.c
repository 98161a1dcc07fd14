#include "lib/db/internal.h"

struct mapping {
    int code; /* primary result code */
    enum ps_err err;
};

/*
 * Whatever is not named is PS_E_STORAGE: our statements are constants that tests compile, so that a
 * statement that no longer compiles (SQLITE_ERROR) means a schema that is not ours.
 */
static const struct mapping mappings[] = {
    {SQLITE_NOMEM, PS_E_NO_MEMORY},     {SQLITE_BUSY, PS_E_BUSY},    {SQLITE_LOCKED, PS_E_BUSY},
    {SQLITE_CONSTRAINT, PS_E_CONFLICT}, {SQLITE_TOOBIG, PS_E_LIMIT}, {SQLITE_MISUSE, PS_E_INTERNAL},
    {SQLITE_RANGE, PS_E_INTERNAL},
};

enum ps_err db_fail(sqlite3 *sqlite, int code, const char *what)
{
    const int extended = sqlite == NULL ? code : sqlite3_extended_errcode(sqlite);
    const char *text = sqlite3_errstr(code);
    enum ps_err err = PS_E_STORAGE;

    for (size_t i = 0; i < PS_COUNT_OF(mappings); i++) {
        if (mappings[i].code == (code & 0xff)) {
            err = mappings[i].err;
        }
    }
    /* The connection's own text says more, when it speaks of the same failure. */
    if (sqlite != NULL && (extended & 0xff) == (code & 0xff)) {
        text = sqlite3_errmsg(sqlite);
    }
    return ps_fail(err, (extended & 0xff) == (code & 0xff) ? extended : code, "database: %s: %s",
                   what, text);
}
