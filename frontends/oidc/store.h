#ifndef FRONTENDS_OIDC_STORE_H
#define FRONTENDS_OIDC_STORE_H

#include "lib/base/buf.h"
#include "lib/db/db.h"

/*
 * What lives for seconds to an hour: requests that were pushed, logins under way, codes, tokens,
 * and ids that may be used once. Each thing is found by a hash of its handle and sealed under it
 * (seal.h). A database of its own, whose commits survive the program's death but are not synced:
 * after another start of the machine it is made anew, and what was signed before counts as used.
 * Errors of all: those of lib/db.
 */
struct store;

enum store_kind { STORE_PUSHED = 1, STORE_TRANSACTION, STORE_CODE, STORE_TOKEN };

/* Where a thing stands; which follow on which is in docs/decisions/0054-transactions.md. */
enum store_state { STORE_OPEN = 1, STORE_AUTHENTICATED, STORE_IN_USE, STORE_USED };

/* A handle: 256 random bits in base64url. */
#define STORE_HANDLE_LEN 43u
void store_make_handle(char ret_handle[STORE_HANDLE_LEN + 1]);

/* Largest record, before it is sealed. */
#define STORE_RECORD_MAX (1280u * 1024u)

struct store_key {
    enum store_kind kind;
    struct ps_bytes handle; /* as it came from outside: any octets */
};

struct store_place {
    const char *directory;
    struct db *db;        /* the program's own (clients.h), where life.h stands */
    struct ps_bytes boot; /* names this start of the machine; not empty */
};

/*
 * How many things there may be, and how many of one owner, so that nobody alone takes the place of
 * all. An eighth is for what has no owner: codes and tokens of logins that have come so far.
 */
struct store_limits {
    uint64_t most;
    uint64_t per_owner;
};

/* place: gone when this returns */
PS_MUST_USE enum ps_err oidc_store_open(const struct store_place *place,
                                        const struct store_limits *limits, uint64_t now_s,
                                        struct store **ret_store);
void store_close(struct store *store);
PS_DEFINE_CLEANUP(struct store, store_close)

/* Whether something signed at this time could have been used before the machine started. */
bool store_may_forget(const struct store *store, uint64_t signed_s);

/* Further error: PS_E_LIMIT: there are as many as there may be. */
PS_MUST_USE enum ps_err store_put(struct store *store, const struct store_key *key,
                                  enum store_state state, uint64_t expires_s,
                                  struct ps_bytes record);

/* The same, and it counts for an owner until it is gone: octets that name who has it made. */
PS_MUST_USE enum ps_err store_put_of(struct store *store, const struct store_key *key,
                                     struct ps_bytes owner, uint64_t expires_s,
                                     struct ps_bytes record);

/*
 * Appends the record. Further errors: PS_E_NOT_FOUND: none of this handle, or its time is over;
 * PS_E_STATE: it is in another state than `state`.
 */
PS_MUST_USE enum ps_err store_get(struct store *store, const struct store_key *key,
                                  enum store_state state, uint64_t now_s, struct ps_buf *record);

/* The same, and it is gone: of many at once, one gets it. */
PS_MUST_USE enum ps_err store_take(struct store *store, const struct store_key *key,
                                   enum store_state state, uint64_t now_s, struct ps_buf *record);

/* Makes that there is none, if there is one. */
PS_MUST_USE enum ps_err store_drop(struct store *store, const struct store_key *key);

struct store_move {
    enum store_state from;
    enum store_state to;
    uint64_t now_s;
    uint64_t expires_s; /* 0: as it was */
};

/*
 * Goes to another state, with another record and end. Further error: PS_E_STATE: it is not in the
 * state `from`, or its time is over; nothing is changed then.
 */
PS_MUST_USE enum ps_err store_move(struct store *store, const struct store_key *key,
                                   const struct store_move *move, struct ps_bytes record);

/* What is counted and used until its commit is written at once; not for store_take. */
PS_MUST_USE enum ps_err store_begin(struct store *store, struct db_transaction *ret_transaction);

/*
 * Counts one more of what has this name (any octets), from 1; anew when `window_s` have passed
 * since the first. And as many less.
 */
PS_MUST_USE enum ps_err store_tally(struct store *store, struct ps_bytes name, uint64_t now_s,
                                    uint64_t window_s, uint64_t *ret_count);
PS_MUST_USE enum ps_err store_untally(struct store *store, struct ps_bytes name, uint64_t count);

/*
 * Remembers what may be used once. Further error: PS_E_CONFLICT: it was used.
 *
 * whose: in whose name, e.g. a client's id
 */
PS_MUST_USE enum ps_err store_use_once(struct store *store, struct ps_bytes whose,
                                       struct ps_bytes id, uint64_t expires_s);

/* Drops what is over. */
PS_MUST_USE enum ps_err store_sweep(struct store *store, uint64_t now_s);

uint64_t store_count(const struct store *store);

#endif
