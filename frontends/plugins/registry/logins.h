#ifndef FRONTENDS_PLUGINS_REGISTRY_LOGINS_H
#define FRONTENDS_PLUGINS_REGISTRY_LOGINS_H

#include "frontends/plugins/registry/persons.h"

/* Logins that succeeded and of which nothing was told yet: kyc tokens, each good for one exchange.
 */
struct login_place {
    const uint8_t *secret; /* REGISTRY_SECRET_LEN octets */
    const struct privyseal_auth_request *request;
    uint64_t now_s;
};

/* ret_token: base64url is appended */
PS_MUST_USE enum ps_err login_make(struct db *db, const struct login_place *place,
                                   struct ps_bytes person, uint64_t life_s,
                                   struct ps_buf *ret_token);

/*
 * Uses the request's kyc token, whoever comes with it.
 * ret_person: the id is appended
 * Errors:     PS_E_DENIED (no such token any more, or that of another login)
 */
PS_MUST_USE enum ps_err login_use(struct db *db, const struct login_place *place,
                                  struct ps_buf *ret_person);

/* A person's name at one relying party, which no other one knows: base64url, 43 characters. */
void login_put_subject(const uint8_t *secret, struct ps_bytes person, struct ps_bytes relying_party,
                       struct ps_buf *out);

#endif
