#ifndef FRONTENDS_OIDC_ASSERTION_H
#define FRONTENDS_OIDC_ASSERTION_H

#include "frontends/oidc/client.h"
#include "frontends/oidc/form.h"
#include "frontends/oidc/store.h"

/*
 * private_key_jwt: how a relying party shows who it is (RFC 7523 section 3, OpenID Connect Core
 * section 9). An assertion is used once: its jti is remembered, in one step, until its time is
 * over.
 */

/* How far the clocks of relying parties may be from ours, and how long an assertion may live. */
#define ASSERTION_LEEWAY_S   15u
#define ASSERTION_LIFETIME_S 86400u
#define ASSERTION_SHORT_S    600u /* those that live longer are few: their ids are kept as long */
#define ASSERTION_MAX        8192u

struct assertion {
    struct db *db;
    struct store *store;
    struct json *json;
    const char *const *audiences; /* ours, any of which it may name; NULL ends them */
    uint64_t long_lived;          /* how many of those one client may use in ASSERTION_LIFETIME_S */
    uint64_t now_s;
};

/*
 * ret_client: initialised; gets who it is
 * Errors: PS_E_DENIED: it is nobody, the detail says why; PS_E_INPUT: there is no assertion, or
 *         client_id is another one's; those of the databases
 */
PS_MUST_USE enum ps_err assertion_check(const struct assertion *assertion, const struct form *form,
                                        struct client *ret_client);

/* A client that may be used. Errors: PS_E_NOT_FOUND (none, or it is not active); the database's. */
PS_MUST_USE enum ps_err assertion_get_client(struct db *db, struct ps_bytes id,
                                             struct client *ret_client);

#endif
