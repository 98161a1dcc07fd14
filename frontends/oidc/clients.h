#ifndef FRONTENDS_OIDC_CLIENTS_H
#define FRONTENDS_OIDC_CLIENTS_H

#include "frontends/oidc/client.h"
#include "lib/db/db.h"
#include "lib/db/migrate.h"

/* The relying parties in the database. Errors of all: those of lib/db. */

/* Opens the program's database, brought to the newest version. */
PS_MUST_USE enum ps_err clients_open(const char *directory, struct db **ret_db);

/*
 * In the caller's transaction. Further errors: PS_E_CONFLICT: the id (*ret_same_id) or the public
 * key is another client's; nothing is changed then.
 */
PS_MUST_USE enum ps_err clients_add(struct db *db, const struct client *client, uint64_t now_s,
                                    bool *ret_same_id);

/* Further error: PS_E_NOT_FOUND. `client` is initialised; its fields are replaced. */
PS_MUST_USE enum ps_err clients_get(struct db *db, struct ps_bytes id, struct client *client);

/* Replaces all but the id. Further error: PS_E_NOT_FOUND. */
PS_MUST_USE enum ps_err clients_set(struct db *db, const struct client *client, uint64_t now_s);

#endif
