#ifndef KEYSTORE_POLICY_ACCESS_H
#define KEYSTORE_POLICY_ACCESS_H

#include "keystore/catalog/catalog.h"
#include "keystore/catalog/records.h"
#include "keystore/policy/access_rules.h"
#include "keystore/policy/operations_granted.h"
#include "lib/ipc/messages_keeper.h"

/*
 * Who a caller is and what it may do: indexes in memory over the rows of clients and grants. No
 * I/O but in access_load, no clock: time comes in. What is borrowed from it (clients, grants,
 * names) is valid until the next access_load.
 */
struct access;
struct access_client;
struct access_grant;

struct access_config {
    bool is_practice;             /* then uid 0 may be a client, since people try it as root */
    const uint32_t *refused_uids; /* of our own roles: never a client; copied */
    size_t refused_count;         /* at most ACCESS_REFUSED_MAX */
};
#define ACCESS_REFUSED_MAX 16

PS_MUST_USE enum ps_err access_new(const struct access_config *config, struct access **ret_access);
void access_free(struct access *access);
PS_DEFINE_CLEANUP(struct access, access_free)

void access_set_practice(struct access *access, bool is_practice);

/*
 * Reads all clients and grants anew: at start and after each change of one. What is left of a
 * grant's rate stays with the grant, a client's number with its name. After an error nobody is
 * known until it succeeds. Errors: as catalog_list; PS_E_INPUT (a row not of its schema, an unknown
 * operation), PS_E_CONFLICT (two clients with one identity).
 */
PS_MUST_USE enum ps_err access_load(struct access *access, struct catalog *catalog);

enum access_listener { ACCESS_CLIENTS = 1, ACCESS_MANAGEMENT = 2 };

/*
 * The client that a caller is, or NULL. A suspended client is unknown. A pin counts before a rule
 * of issuer and name. `ret_rule` says why; it is for the log, not for the caller.
 */
const struct access_client *access_resolve(const struct access *access,
                                           enum access_listener listener,
                                           const struct msg_caller *caller,
                                           enum access_rule *ret_rule);

struct ps_bytes access_client_name(const struct access_client *client);
/* Stands for the name as long as the process lives; from 1. */
uint64_t access_client_number(const struct access_client *client);

struct access_question {
    enum granted_op operation;
    struct ps_bytes parameter; /* of x509.issue; else empty */
    struct ps_bytes key;       /* name; empty: is there any grant for the operation? */
    enum ps_format format;     /* PS_FORMAT_NONE where the operation touches no format */
    uint64_t now_s;
};

enum access_outcome {
    ACCESS_ALLOWED,
    ACCESS_NOT_VISIBLE, /* 404: as if there were no such key */
    ACCESS_NOT_GRANTED  /* 403 */
};

struct access_decision {
    enum access_outcome outcome;
    enum access_rule rule;
    struct access_grant *grant; /* that allows it; NULL when nothing does */
};

/*
 * A key is visible to a client that has any grant for it that names an operation about keys. Of the
 * grants that allow it the one without a rate counts, else the one with the highest.
 */
struct access_decision access_decide(struct access *access, const struct access_client *client,
                                     const struct access_question *question);

/*
 * Takes `items` from the rate of the grant that allowed it. A grant holds at most one second's
 * worth of uses, and as many looks: those cost the token nothing, and the caller no use. Errors:
 * PS_E_LIMIT; *ret_retry_after_s is then when it may work, 0 if so many never do.
 */
enum access_of { ACCESS_USES, ACCESS_LOOKS };
PS_MUST_USE enum ps_err access_take(const struct access_decision *decision, enum access_of of,
                                    uint32_t items, uint64_t mono_ns, uint32_t *ret_retry_after_s);

struct ps_bytes access_grant_id(const struct access_grant *grant);

/*
 * {"allowed", "detail", "grants": [{"id", "rule"}], "outcome", "rule"} in RFC 8785 form: every
 * grant of the client that was considered, and what each said. For access/check and `why`.
 */
void access_put_explanation(struct access *access, const struct access_client *client,
                            const struct access_question *question, struct ps_buf *out);

/*
 * The client's grants that have not expired: [{"formats", "id", "keys", "not_after" (absent: no
 * end), "operations", "rate_per_s" (absent: no limit)}], for whoami.
 */
void access_put_grants(const struct access_client *client, uint64_t now_s, struct ps_buf *out);

/*
 * Before a client is registered or changed: is one of its pins, uids or its rule another client's?
 * True with *ret_other, the name of that client; or an empty one when nothing is loaded.
 */
bool access_find_conflict(const struct access *access, const struct client_record *record,
                          struct ps_bytes *ret_other);

#endif
