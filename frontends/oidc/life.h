#ifndef FRONTENDS_OIDC_LIFE_H
#define FRONTENDS_OIDC_LIFE_H

#include "lib/db/db.h"

/*
 * Of which start of the machine the database of transactions is. Nothing of that is synced: what
 * the machine forgot when it went down nobody can tell, and what it left of the files may be no
 * database. After another start they are made anew. Which start it was stands in the program's own
 * database, which is synced. Errors: those of lib/db.
 */
struct life {
    uint64_t since_s; /* what was before is forgotten; 0: nothing is */
    bool is_new;      /* there are no files */
};

/*
 * Before the database is opened: removes what is left of another start. A database that is not
 * there any more was forgotten, too.
 *
 * path: of the database of transactions
 * boot: names this start of the machine
 */
PS_MUST_USE enum ps_err life_find(struct db *db, const char *path, struct ps_bytes boot,
                                  uint64_t now_s, struct life *ret_life);

/* When a new one is open: from here on it is of this start. */
PS_MUST_USE enum ps_err life_begin(struct db *db, struct ps_bytes boot, const struct life *life);

#endif
