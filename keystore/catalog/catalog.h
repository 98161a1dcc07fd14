#ifndef KEYSTORE_CATALOG_CATALOG_H
#define KEYSTORE_CATALOG_CATALOG_H

#include "lib/base/buf.h"

/*
 * What the appliance knows: rows of a few kinds, each an RFC 8785 JSON document under a name.
 *
 * Rows of authorising kinds carry the index of the leaf in `events` whose operation made them, and
 * are a cache of the log: catalog_check derives them again from the leaves and compares octets.
 * The typed view of a row is in records.h.
 */
struct catalog;

enum catalog_kind {
    /* Authorising: derived from the log. */
    CATALOG_KEY,     /* name, type, usage, formats, ..., state */
    CATALOG_VERSION, /* "<key>/<number>": token, CKA_ID, public key, state, times */
    CATALOG_CLIENT,
    CATALOG_GRANT,     /* id */
    CATALOG_SET,       /* JWKS set */
    CATALOG_POLICY,    /* "policy": epoch, rules */
    CATALOG_ROSTER,    /* person */
    CATALOG_TOKEN,     /* name: serial, profile, module hash that were approved */
    CATALOG_APPLIANCE, /* "appliance": origin, identity, log key */
    CATALOG_AUTHORISING_COUNT,
    /* Not authorising: bookkeeping that may be lost with no right gained. */
    CATALOG_OPERATION = CATALOG_AUTHORISING_COUNT, /* id: document, state, result */
    CATALOG_RESERVED,                              /* CKA_ID in hex: reserved before generation */
    CATALOG_KIND_COUNT
};
const char *catalog_kind_name(enum catalog_kind kind);
bool catalog_kind_by_name(struct ps_bytes name, enum catalog_kind *ret_kind);

struct catalog_row {
    enum catalog_kind kind;
    struct ps_bytes name;
    uint64_t revision;    /* 1 when made, one more at each change */
    uint64_t event;       /* index of the result leaf, for authorising kinds */
    struct ps_bytes body; /* RFC 8785 JSON */
};

/* One change of a transaction. */
struct catalog_change {
    enum catalog_kind kind;
    struct ps_bytes name;
    uint64_t expected;    /* revision now; 0: there is none */
    struct ps_bytes body; /* empty: remove */
};

/* A remembered answer to an Idempotency-Key, stored in the same transaction as the change. */
struct catalog_answer {
    struct ps_bytes caller;
    struct ps_bytes key;
    struct ps_bytes body_hash; /* SHA-256, 32 octets */
    uint16_t status;           /* 0: in flight */
    struct ps_bytes answer;    /* an encoded msg_document */
    uint64_t expires_ns;
};

typedef enum ps_err catalog_row_fn(void *context, const struct catalog_row *row);

/*
 * A backend. Every call is one transaction; a failed one leaves everything as it was.
 * Errors of all: PS_E_STORAGE, PS_E_NO_MEMORY, and what is named.
 */
struct catalog_ops {
    const char *name; /* "sqlite", "memory" */
    /* PS_E_NOT_FOUND. The row's octets are appended to `memory` and borrowed from it. */
    enum ps_err (*get)(void *backend, enum catalog_kind kind, struct ps_bytes name,
                       struct ps_buf *memory, struct catalog_row *ret_row);
    /* In order of names, after `after`, at most `limit`; an error of `fn` ends the walk. */
    enum ps_err (*list)(void *backend, enum catalog_kind kind, struct ps_bytes after,
                        uint32_t limit, catalog_row_fn *fn, void *context);
    /*
     * All or nothing; `answer` may be NULL. PS_E_CONFLICT: a revision is not the expected one.
     */
    enum ps_err (*apply)(void *backend, const struct catalog_change *changes, size_t count,
                         uint64_t event, const struct catalog_answer *answer);
    /* PS_E_NOT_FOUND; expired ones are not found. */
    enum ps_err (*get_answer)(void *backend, struct ps_bytes caller, struct ps_bytes key,
                              uint64_t now_ns, struct ps_buf *memory,
                              struct catalog_answer *ret_answer);
    /* Notes a key as in flight: PS_E_CONFLICT when there is one already. */
    enum ps_err (*begin_answer)(void *backend, const struct catalog_answer *answer);
    /* Forgets what is in flight (after a crash) and what has expired. */
    enum ps_err (*sweep_answers)(void *backend, uint64_t now_ns);
    /* Still the same database: the file exists, is the one opened, is readable. PS_E_STORAGE. */
    enum ps_err (*check_alive)(void *backend);
    /* Counts changes by others than us, to notice writing behind our back early. */
    enum ps_err (*data_version)(void *backend, uint64_t *ret_version);
    void (*close)(void *backend);
};

PS_MUST_USE enum ps_err catalog_open_sqlite(const char *path, struct catalog **ret_catalog);
PS_MUST_USE enum ps_err catalog_open_memory(struct catalog **ret_catalog);
void catalog_close(struct catalog *catalog);
PS_DEFINE_CLEANUP(struct catalog, catalog_close)

/* Thin calls of the backend, with the checks that are the same for all. */
PS_MUST_USE enum ps_err catalog_get(struct catalog *catalog, enum catalog_kind kind,
                                    struct ps_bytes name, struct ps_buf *memory,
                                    struct catalog_row *ret_row);
PS_MUST_USE enum ps_err catalog_list(struct catalog *catalog, enum catalog_kind kind,
                                     struct ps_bytes after, uint32_t limit, catalog_row_fn *fn,
                                     void *context);
PS_MUST_USE enum ps_err catalog_apply(struct catalog *catalog, const struct catalog_change *changes,
                                      size_t count, uint64_t event,
                                      const struct catalog_answer *answer);
const struct catalog_ops *catalog_ops(const struct catalog *catalog);
void *catalog_backend(const struct catalog *catalog);

/*
 * The rows that a result leaf made, as it carries them: its `effects`, a JSON array of
 * {"kind", "name", "row"} or {"kind", "name", "removed": true}. Applying the effects of every
 * result leaf in order to an empty memory catalog yields the authorising rows.
 */
void catalog_put_effects(const struct catalog_change *changes, size_t count, struct ps_buf *out);
PS_MUST_USE enum ps_err catalog_apply_effects(struct catalog *catalog, struct ps_bytes effects,
                                              uint64_t event);

/*
 * Compares the authorising rows of two catalogs octet by octet, `event` included.
 * Errors: PS_E_DENIED: they differ; the detail names kind and name of the first difference.
 */
PS_MUST_USE enum ps_err catalog_compare(struct catalog *stored, struct catalog *derived);

#endif
