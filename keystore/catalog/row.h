#ifndef KEYSTORE_CATALOG_ROW_H
#define KEYSTORE_CATALOG_ROW_H

#include "lib/base/buf.h"
#include "lib/base/hash.h"

/* What the catalog holds and how it is changed. */

/* Names of rows: [A-Za-z0-9._/-]+; a key's name, "/" and a version's number fit. */
#define CATALOG_NAME_MAX 160u
#define CATALOG_BODY_MAX (1024u * 1024u)

/* Of a remembered answer: caller and Idempotency-Key; and the answer itself. */
#define CATALOG_ANSWER_KEY_MAX 256u
#define CATALOG_ANSWER_MAX     (2u * 1024u * 1024u)

enum catalog_kind {
    /* Authorising: derived from the log. */
    CATALOG_KEY,         /* name, type, usage, formats, ..., state */
    CATALOG_VERSION,     /* "<key>/<number>": token, CKA_ID, public key, state, times */
    CATALOG_CERTIFICATE, /* "<key>/<number>": the chain of a version */
    CATALOG_CLIENT,
    CATALOG_GRANT,      /* id */
    CATALOG_SET,        /* JWKS set */
    CATALOG_PROFILE,    /* of certificates that clients are given */
    CATALOG_REVOCATION, /* "<key>/<serial>" */
    CATALOG_FAMILY,     /* prefix of its keys: who may make them, of which kind, and how many */
    CATALOG_POLICY,     /* "policy": epoch, rules */
    CATALOG_ROSTER,     /* person */
    CATALOG_PIN,        /* "<token>/<user|so>": a splitting of a PIN and its sealed shares */
    CATALOG_TOKEN,      /* name: serial, profile, module hash that were approved */
    CATALOG_PRUNED,     /* name of a shard of uses: its archive has its leaves */
    CATALOG_APPLIANCE,  /* "appliance": origin, identity, log key */
    CATALOG_AUTHORISING_COUNT,
    /*
     * Not authorising: may be lost with no right gained. Keys are lost with CATALOG_WRAPPED: the
     * log does not have what a token wrapped.
     */
    CATALOG_OPERATION = CATALOG_AUTHORISING_COUNT, /* id: document, state, result */
    CATALOG_RESERVED,                              /* CKA_ID in hex: reserved before generation */
    CATALOG_WRAPPED, /* the same: what a token made of a key that lives outside it */
    CATALOG_KIND_COUNT
};
/* These names are in the log and in the database: they never change. */
const char *catalog_kind_name(enum catalog_kind kind);
bool catalog_kind_by_name(struct ps_bytes name, enum catalog_kind *ret_kind);

/* Of keys: these rows may be very many, so that nobody keeps a copy of all of them. */
static inline bool catalog_kind_is_of_keys(enum catalog_kind kind)
{
    return kind == CATALOG_KEY || kind == CATALOG_VERSION || kind == CATALOG_CERTIFICATE;
}

struct catalog_row {
    enum catalog_kind kind;
    struct ps_bytes name;
    uint64_t revision;    /* 1 when made, one more at each change */
    uint64_t event;       /* index of the result leaf, for authorising kinds; else 0 */
    struct ps_bytes body; /* RFC 8785 JSON */
};

/* A row without its body. */
struct catalog_mark {
    enum catalog_kind kind;
    struct ps_bytes name;
    uint64_t revision;
    uint64_t event;
    uint8_t hash[PS_SHA256_LEN]; /* of the body */
};

/* One change of a transaction. */
struct catalog_change {
    enum catalog_kind kind;
    struct ps_bytes name;
    uint64_t expected;    /* revision now; 0: there is none */
    struct ps_bytes body; /* a JSON object; empty: remove */
};

/* A remembered answer to an Idempotency-Key, stored in the same transaction as the change. */
struct catalog_answer {
    struct ps_bytes caller;
    struct ps_bytes key;
    struct ps_bytes body_hash; /* SHA-256, 32 octets */
    uint16_t status;           /* 0: in flight */
    struct ps_bytes answer;    /* an encoded msg_document; empty while in flight */
    uint64_t expires_ns;
};

/* Gets rows one by one, valid during the call. It may read the catalog, but not change it. */
typedef enum ps_err catalog_row_fn(void *context, const struct catalog_row *row);
typedef enum ps_err catalog_mark_fn(void *context, const struct catalog_mark *mark);

#endif
