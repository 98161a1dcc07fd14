#ifndef FRONTENDS_PLUGINS_REGISTRY_PERSONS_H
#define FRONTENDS_PLUGINS_REGISTRY_PERSONS_H

#include "frontends/plugins/registry/person.h"
#include "lib/base/hash.h"
#include "lib/db/db.h"

/* The registry's database: people, and what is under way with them. */

/* Opens it, or makes an empty one. Errors: as db_open and db_migrate */
PS_MUST_USE enum ps_err persons_open(const char *path, struct db **ret_db);

#define REGISTRY_SECRET_LEN 32u

/* Octets of this database alone, made with it. */
PS_MUST_USE enum ps_err persons_secret(struct db *db, uint8_t ret_secret[REGISTRY_SECRET_LEN]);

/* Adds somebody, or puts them in the place of who had the id. Errors: PS_E_CONFLICT (policy) */
PS_MUST_USE enum ps_err persons_put(struct db *db, const struct person *person, uint64_t now_s);

/* By id, or by number of the policy. Errors: PS_E_NOT_FOUND */
PS_MUST_USE enum ps_err persons_find(struct db *db, struct ps_bytes name, struct person *person);

/* Errors: PS_E_NOT_FOUND */
PS_MUST_USE enum ps_err persons_remove(struct db *db, struct ps_bytes id);

/* Calls fn with each, in the order of their ids; its error ends it. */
typedef enum ps_err persons_fn(void *context, const struct person *person);
PS_MUST_USE enum ps_err persons_each(struct db *db, persons_fn *fn, void *context);

#endif
