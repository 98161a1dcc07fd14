#ifndef IPC_MESSAGES_KEEPER_H
#define IPC_MESSAGES_KEEPER_H

#include "lib/ipc/messages_common.h"

/*
 * What the api processes (clients of the channel) ask of the keeper (its server).
 *
 * Every request names the caller as the api sees it on the connection; the keeper decides which
 * registered client that is. An api process that is taken over can name any caller of its own
 * listener, and nothing more: the keeper knows which listener a channel belongs to from the
 * supervisor, not from a message.
 */
extern const struct ipc_set keeper_set;

enum caller_kind { CALLER_NOBODY, CALLER_UNIX, CALLER_TLS };

struct msg_caller {
    uint8_t kind;           /* enum caller_kind */
    uint32_t uid;           /* CALLER_UNIX: of the peer */
    struct ps_bytes spki;   /* CALLER_TLS: SHA-256 of the certificate's SubjectPublicKeyInfo */
    struct ps_bytes issuer; /* CALLER_TLS: SHA-256 of the issuer's SubjectPublicKeyInfo */
    struct ps_bytes san;    /* CALLER_TLS: first DNS or URI name, as text; else empty */
};

/* Header members and claims are JSON objects of at most this many octets. */
enum { IPC_HEADER_MAX = 16 * 1024 };

/* What the answer's header is to carry besides (`include` of the route). */
enum { JWS_INCLUDE_X5C = 1, JWS_INCLUDE_X5T_S256 = 2, JWS_INCLUDE_JWK = 4 };

struct msg_jws_sign {
    struct msg_caller caller;
    struct ps_bytes request_id;
    struct ps_bytes key;       /* name */
    struct ps_bytes algorithm; /* JOSE name; empty: the key's first */
    struct ps_bytes header;    /* JSON object of the caller's own members, or empty */
    struct ps_bytes payload;   /* octets, signed as they are */
    uint8_t unencoded;         /* 1: RFC 7797, b64 = false */
    uint8_t include;           /* JWS_INCLUDE_... */
};

struct msg_jwt_sign {
    struct msg_caller caller;
    struct ps_bytes request_id;
    struct ps_bytes key;
    struct ps_bytes algorithm;
    struct ps_bytes claims; /* JSON object; its octets are kept, what is absent is appended */
    struct ps_bytes type;   /* header `typ`; empty: JWT */
    uint32_t ttl_s;         /* for `exp` when absent; 0: not given */
    uint8_t include;
};

/* Answers both. compact = protected || "." || base64url(payload) || "." || base64url(signature) */
struct msg_jws_signed {
    struct ps_bytes protected_header; /* base64url text, as signed */
    struct ps_bytes payload;          /* octets; of jwt_sign only, empty otherwise */
    struct ps_bytes signature;        /* raw: R || S for ECDSA */
    struct ps_bytes kid;
    struct ps_bytes algorithm;
    uint32_t version;
};

enum { RAW_ENCODING_RAW, RAW_ENCODING_DER };

struct msg_raw_sign {
    struct msg_caller caller;
    struct ps_bytes request_id;
    struct ps_bytes key;
    struct ps_bytes algorithm;
    struct ps_bytes message; /* either this ... */
    struct ps_bytes digest;  /* ... or this, of the algorithm's own hash */
    uint8_t is_digest;
    uint8_t encoding; /* RAW_ENCODING_...; DER for ECDSA only */
    uint32_t version; /* 0: the active one */
};

struct msg_raw_signed {
    struct ps_bytes signature;
    struct ps_bytes kid;
    struct ps_bytes algorithm;
    uint32_t version;
};

/* The public keys to verify with, for a caller who may (`jws.verify`, `raw.sign`). */
struct msg_verify_keys {
    struct msg_caller caller;
    struct ps_bytes request_id;
    struct ps_bytes key;
    uint8_t format; /* enum ps_format: jws or raw */
};

/*
 * Reading. The answer is msg_document. Which members matter for which resource:
 *   name   key, set, client, operation; the query's own subject
 *   after, limit   lists: names after this one, at most so many
 *   from, to       log tiles: level and index; proofs: leaf or old size, and tree size
 */
enum read_resource {
    READ_NONE,
    READ_HEALTH, /* body of /health/ready; public */
    READ_WHOAMI,
    READ_JWKS, /* name: set, empty for the default; public */
    READ_KEYS, /* list */
    READ_KEY,
    READ_KEY_PUBLIC, /* accept: 0 JWK, 1 PEM, 2 DER */
    READ_SYSTEM,
    READ_METRICS,
    READ_EXPIRING, /* from: within seconds */
    READ_CLIENTS,
    READ_CLIENT,
    READ_GRANTS,
    READ_SETS,
    READ_OPERATIONS,
    READ_OPERATION,
    READ_OPERATION_DOCUMENT, /* the exact octets */
    READ_LOG_CHECKPOINT,     /* name: events or use; public */
    READ_LOG_TILE,           /* name: tree; from: level, to: index, width: 1-256 */
    READ_LOG_ENTRIES,        /* name: tree; to: index of the bundle, width */
    READ_LOG_PROOF,          /* inclusion; name: tree; from: leaf, to: tree size, 0 the current */
    READ_LOG_CONSISTENCY,    /* name: tree; from: old size, to: new size, 0 the current */
    READ_POLICY,
    READ_WHY, /* name: request id; what was decided about it, and by which rule */
    READ_RESOURCE_COUNT
};

struct msg_read {
    struct msg_caller caller;
    struct ps_bytes request_id;
    uint16_t resource; /* enum read_resource */
    struct ps_bytes name;
    struct ps_bytes after;
    uint32_t limit;
    uint64_t from;
    uint64_t to;
    uint32_t width;
    uint8_t accept;
};

enum document_media {
    MEDIA_JSON,
    MEDIA_JWKS,
    MEDIA_PEM,
    MEDIA_DER,
    MEDIA_TEXT,
    MEDIA_OCTETS,
    MEDIA_PROMETHEUS
};

struct msg_document {
    uint16_t status;          /* HTTP: 200, 201, 202, or 503 for health that is not ready */
    uint8_t media;            /* enum document_media */
    uint32_t max_age_s;       /* for caches; 0: not cacheable */
    struct ps_bytes etag;     /* without quotes; empty: none */
    struct ps_bytes location; /* path of what was created; empty: none */
    struct ps_bytes body;
};

/*
 * A change: it becomes an operation (api.md, ceremonies.md). `type` is the operation's, `subject`
 * the name in the path (empty when the name is in the parameters). Answered by msg_document with
 * 200 (the same exists, or dry run), 201 (done) or 202 (people have to approve).
 */
struct msg_change {
    struct msg_caller caller;
    struct ps_bytes request_id;
    struct ps_bytes type; /* "key.create", "client.register", ... */
    struct ps_bytes subject;
    struct ps_bytes parameters; /* JSON object, or empty */
    struct ps_bytes requester;  /* a person of the roster; empty under the rehearsal policy */
    struct ps_bytes reason;
    struct ps_bytes if_match;        /* revision; empty: not given */
    struct ps_bytes idempotency_key; /* empty: not given */
    struct ps_bytes body_hash;       /* SHA-256 of the request body, for the same */
    uint8_t dry_run;
};

/* A step of an existing operation: verb "request", "approvals", "rejections", "execute", ... */
struct msg_operation_step {
    struct msg_caller caller;
    struct ps_bytes request_id;
    struct ps_bytes operation; /* id */
    struct ps_bytes verb;
    struct ps_bytes parameters;
    struct ps_bytes idempotency_key;
    struct ps_bytes body_hash;
};

/* Answered by msg_document: {allowed, rule, detail}. Does nothing. */
struct msg_access_check {
    struct msg_caller caller;
    struct ps_bytes request_id;
    struct ps_bytes operation;
    struct ps_bytes key;
    struct ps_bytes format;
    struct ps_bytes algorithm;
};

struct msg_random {
    struct msg_caller caller;
    struct ps_bytes request_id;
    uint32_t count; /* octets, at most 4096 */
};

struct msg_octets {
    struct ps_bytes octets;
};

/* Keeper to api whenever it changes: answers health without asking. */
enum appliance_state {
    APPLIANCE_STARTING,
    APPLIANCE_UNINITIALISED,
    APPLIANCE_LOCKED,
    APPLIANCE_OPERATIONAL,
    APPLIANCE_DEGRADED,
    APPLIANCE_FAILED
};
const char *appliance_state_name(enum appliance_state state);

struct msg_appliance_state {
    uint8_t state;         /* enum appliance_state */
    struct ps_bytes ready; /* body of /health/ready, JSON */
};

/*
 * Api to keeper, once a second while there is news: counters for /metrics, one row a line:
 * "<route> <method> <code> <count> <sum of microseconds>\n". Rows are totals since the start.
 */
struct msg_api_metrics {
    struct ps_bytes rows;
};

extern const struct ipc_message msg_jws_sign_info, msg_jwt_sign_info, msg_jws_signed_info,
    msg_raw_sign_info, msg_raw_signed_info, msg_verify_keys_info, msg_read_info, msg_document_info,
    msg_change_info, msg_operation_step_info, msg_access_check_info, msg_random_info,
    msg_octets_info, msg_appliance_state_info, msg_api_metrics_info;

#endif
