#ifndef FRONTENDS_CERTIFY_CONFIGURATIONS_H
#define FRONTENDS_CERTIFY_CONFIGURATIONS_H

#include "frontends/certify/configuration.h"
#include "lib/db/db.h"

/*
 * All credential configurations: in the database, and read from it once, in memory. What is changed
 * is changed in the database first. Errors of all: those of lib/db.
 */
struct configurations;

#define CONFIGURATIONS_MAX 1000u

/* Opens the program's database, brought to the newest version, and reads it. */
PS_MUST_USE enum ps_err configurations_open(const char *directory,
                                            struct configurations **ret_configurations);
void configurations_close(struct configurations *configurations); /* NULL is fine */

/* By id, in the order of ids; NULL: there is none. `i` from 0. */
struct configuration *configurations_at(const struct configurations *configurations, size_t i);
struct configuration *configurations_find(const struct configurations *configurations,
                                          struct ps_bytes id);

/*
 * Takes the configuration over, when that goes well.
 * Further errors: PS_E_CONFLICT: the id, or what selects it, is another one's; PS_E_LIMIT
 */
PS_MUST_USE enum ps_err configurations_add(struct configurations *configurations,
                                           struct configuration *configuration, uint64_t now_s);
/* The same in place of the one of its id. Further errors: PS_E_NOT_FOUND, PS_E_CONFLICT. */
PS_MUST_USE enum ps_err configurations_replace(struct configurations *configurations,
                                               struct configuration *configuration, uint64_t now_s);
/* Further error: PS_E_NOT_FOUND. */
PS_MUST_USE enum ps_err configurations_remove(struct configurations *configurations,
                                              struct ps_bytes id);

/*
 * The names, a line each, of all keys that a configuration of `ldp_vc` ever named, also of those
 * that were removed. Further errors: the buffer's.
 */
PS_MUST_USE enum ps_err configurations_put_proof_keys(struct configurations *configurations,
                                                      struct ps_buf *out);

#endif
