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
    uint64_t not_after_s;   /* CALLER_TLS: when the certificate ends, seconds since 1970 */
};

/* Header members and claims are JSON objects of at most this many octets. */
enum { IPC_HEADER_MAX = 16 * 1024 };

/* A certificate, a CSR, or all certificates above one. */
enum { IPC_CERTIFICATE_MAX = 16 * 1024 };
/* JSON of a subject, and of alternative names. */
enum { IPC_SUBJECT_MAX = 8 * 1024, IPC_SANS_MAX = 48 * 1024 };

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

/* The part of an SD-JWT that its issuer signs. */
struct msg_sd_jwt_sign {
    struct msg_caller caller;
    struct ps_bytes request_id;
    struct ps_bytes key;
    struct ps_bytes algorithm;
    struct ps_bytes payload; /* JSON object, signed as it is */
    struct ps_bytes type;    /* header `typ` */
    uint8_t include;
};

/* Answers all three. compact = protected || "." || base64url(payload) || "." ||
 * base64url(signature) */
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

/*
 * W3C Data Integrity: the keeper puts the hashes together to what is signed. Answered by
 * msg_raw_signed.
 */
struct msg_data_integrity_sign {
    struct msg_caller caller;
    struct ps_bytes request_id;
    struct ps_bytes key;
    struct ps_bytes suite;         /* name of the cryptosuite */
    struct ps_bytes proof_hash;    /* of the canonical proof options */
    struct ps_bytes document_hash; /* of the canonical document */
};

/* What a COSE header is to carry besides (`include`, `include_protected` of the route). */
enum { COSE_INCLUDE_X5CHAIN = 1, COSE_INCLUDE_X5T = 2, COSE_INCLUDE_KID = 4 };

/* Of the caller's own parameters: CBOR maps in the ordered form, or empty. */
struct msg_cose_headers {
    struct ps_bytes in_protected;
    struct ps_bytes in_unprotected;
    struct ps_bytes kid_prefix; /* text before our kid, where that is included */
    uint8_t include;            /* COSE_INCLUDE_..., in the unprotected header */
    uint8_t include_protected;
};

struct msg_cose_sign {
    struct msg_caller caller;
    struct ps_bytes request_id;
    struct ps_bytes key;
    struct ps_bytes algorithm;
    struct msg_cose_headers headers;
    struct ps_bytes external_aad;
    struct ps_bytes payload; /* octets, signed as they are */
};

struct msg_cwt_sign {
    struct msg_caller caller;
    struct ps_bytes request_id;
    struct ps_bytes key;
    struct ps_bytes algorithm;
    struct msg_cose_headers headers;
    struct ps_bytes claims; /* CBOR map in the ordered form; what is absent is added */
    uint32_t ttl_s;         /* for `exp` when absent; 0: not given */
};

/* Answers both: the parts of a COSE_Sign1, of which the client gets one. */
struct msg_cose_signed {
    struct ps_bytes protected_header; /* encoded as a byte string, as signed */
    struct ps_bytes unprotected;      /* encoded as a map */
    struct ps_bytes payload;          /* octets; of cwt_sign only, empty otherwise */
    struct ps_bytes signature;        /* raw: R || S for ECDSA */
    struct ps_bytes kid;
    struct ps_bytes algorithm;
    uint32_t version;
};

/* A certificate under an approved profile; what is signed is put together by the keeper. */
struct msg_x509_issue {
    struct msg_caller caller;
    struct ps_bytes request_id;
    struct ps_bytes profile;
    struct ps_bytes csr;     /* DER; or empty, and then: */
    struct ps_bytes spki;    /* DER */
    struct ps_bytes subject; /* JSON object in place of the CSR's; empty: not given */
    struct ps_bytes sans;    /* JSON array in place of the CSR's; empty: not given */
    uint64_t validity_s;     /* 0: as long as the profile allows */
};

struct msg_x509_issued {
    struct ps_bytes certificate; /* DER */
    struct ps_bytes chain;       /* DER of those above it, one after the other */
    struct ps_bytes serial;
    uint64_t not_before_s;
    uint64_t not_after_s;
    uint32_t version; /* of the issuer's key */
};

/*
 * Uses of keys that make no signatures. What `data` and msg_key_used.octets are:
 *   KEY_MAC          the message; its MAC
 *   KEY_MAC_VERIFY   the message (and `mac`); nothing, and is_valid says whether it is its MAC
 *   KEY_ENCRYPT      the plaintext; the ciphertext in the form of docs/encryption.md
 *   KEY_DECRYPT      a ciphertext of that form, or one of RSA-OAEP-256; the plaintext
 * Whatever cannot be decrypted is one and the same refusal.
 */
enum key_verb { KEY_MAC, KEY_MAC_VERIFY, KEY_ENCRYPT, KEY_DECRYPT, KEY_VERB_COUNT };

/* Longest plaintext: its ciphertext goes into a request for decryption again. */
enum { KEY_PLAINTEXT_MAX = 512 * 1024, KEY_MAC_LEN = 32 };

struct msg_key_use {
    struct msg_caller caller;
    struct ps_bytes request_id;
    struct ps_bytes key;
    uint8_t verb; /* enum key_verb */
    struct ps_bytes data;
    struct ps_bytes associated; /* additional data of AES-GCM; empty otherwise */
    struct ps_bytes mac;        /* of KEY_MAC_VERIFY */
    uint32_t version;           /* 0: the active one, or what the ciphertext says */
};

struct msg_key_used {
    struct ps_bytes octets;
    uint8_t is_valid;
    uint32_t version;
};
extern const struct ipc_message msg_key_use_info, msg_key_used_info;

/* The public keys to verify with, for a caller who may (`jws.verify`, `raw.sign`, ...). */
struct msg_verify_keys {
    struct msg_caller caller;
    struct ps_bytes request_id;
    struct ps_bytes key;
    uint8_t format; /* enum ps_format: jws, cose or raw */
};

/*
 * The public half of a key that decrypts, for a caller who may encrypt to it (`jwe.encrypt`).
 * Answered by msg_document: {jwk, version, x5c, x5t#S256}, the last two if it has a certificate.
 */
struct msg_jwe_recipient {
    struct msg_caller caller;
    struct ps_bytes request_id;
    struct ps_bytes key;
};

/* A JWE as the api parsed it; lengths and point are as they came, right or wrong. */
struct msg_jwe_decrypt {
    struct msg_caller caller;
    struct ps_bytes request_id;
    struct ps_bytes key;
    uint32_t version;       /* 0: the one that `kid` names, else the active one */
    struct ps_bytes kid;    /* of the header; empty: none */
    uint8_t algorithm;      /* enum jwe_alg */
    uint8_t encryption;     /* enum jwe_enc */
    struct ps_bytes header; /* base64url, as it stood there: the additional data */
    struct ps_bytes encrypted_key;
    struct ps_bytes iv;
    struct ps_bytes ciphertext;
    struct ps_bytes tag;
    uint8_t point_type;    /* ECDH: enum ps_key_type of the ephemeral key's curve */
    struct ps_bytes point; /* the same: X || Y */
    struct ps_bytes apu;
    struct ps_bytes apv;
};

struct msg_jwe_decrypted {
    struct ps_bytes plaintext;
    struct ps_bytes kid;
    uint32_t version;
};

/*
 * A detached CMS signature (RFC 5652). The content, or its digest; the keeper builds the signed
 * attributes and answers with all that the message is put together from.
 */
struct msg_cms_sign {
    struct msg_caller caller;
    struct ps_bytes request_id;
    struct ps_bytes key;
    struct ps_bytes algorithm;
    struct ps_bytes content; /* either this ... */
    struct ps_bytes digest;  /* ... or this, of the algorithm's own hash */
    uint8_t is_digest;
    uint32_t version; /* 0: the active one */
};

/* A chain of certificates: as many octets as a row of the catalog holds. */
enum { IPC_CHAIN_MAX = 16 * 1024 };

struct msg_cms_signed {
    struct ps_bytes attributes; /* DER of a SET OF, as signed */
    struct ps_bytes signature;  /* in X.509's form: DER for ECDSA */
    struct ps_bytes chain;      /* DER one after another, the signer's first */
    struct ps_bytes kid;
    struct ps_bytes algorithm;
    uint32_t version;
};

/* With what cms_sign would sign now: whoever hashes the content needs to know before. */
struct msg_cms_signer {
    struct msg_caller caller;
    struct ps_bytes request_id;
    struct ps_bytes key;
    struct ps_bytes algorithm;
};

struct msg_cms_signer_found {
    struct ps_bytes chain;
    struct ps_bytes algorithm;
    uint32_t version;
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
    READ_KEY_PUBLIC, /* accept: 0 JWK, 1 PEM, 2 DER, 3 COSE_Key */
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
    READ_OFFICERS,
    READ_OFFICER,         /* name: person */
    READ_ROSTER,          /* its octets, as documents name their hash */
    READ_POLICY_DOCUMENT, /* the same of the policy */
    READ_CLIENT_NONCE,    /* a new one, for the caller's statement about its next key */
    READ_KEY_CERTIFICATE, /* accept: 0 the chain in PEM, 1 the first in DER; from: version, 0 any */
    READ_CRL,             /* name: key of the issuer; public */
    READ_PROFILES,        /* of certificates that clients are issued */
    READ_LOG_TLOG_PROOF,  /* C2SP tlog-proof; name: tree; from: leaf */
    READ_KEY_TLOG_PROOF,  /* from: version, 0 the key as a whole */
    READ_CERTIFICATE_TLOG_PROOF, /* from: version, 0 any */
    READ_OPERATION_TLOG_PROOF,
    READ_BACKUPS,   /* how far one is, and which there are */
    READ_DRILL,     /* how far one is, and how the last one ended */
    READ_INVENTORY, /* how far it is, and what the last one found */
    READ_UNLOCK,    /* the key that shares are sealed to, and which have come */
    READ_PINS,      /* splittings of PINs, with the sealed shares */
    READ_LOG_WITNESSES,
    READ_LOG_WITNESS_REQUEST, /* body of add-checkpoint; name: tree; from: what the witness saw */
    READ_AUDIT_REPORT, /* from, to: of the time, ns since 1970; name: key, after: caller, or empty
                        */
    READ_FAMILIES,     /* of keys: list of those that the caller may see */
    READ_FAMILY,       /* name: its prefix */
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
    MEDIA_PROMETHEUS,
    MEDIA_CERTIFICATES, /* a chain in PEM */
    MEDIA_CERTIFICATE,  /* one in DER */
    MEDIA_COSE_KEY,
    MEDIA_CRL
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
    struct ps_bytes requester;  /* a person of the roster who asks; empty for genesis */
    struct ps_bytes reason;
    struct ps_bytes ceremony; /* of which script it is a step; empty: of none */
    struct ps_bytes step;
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

/*
 * What the appliance does by itself, under what people approved once: asked for now. Answered by
 * msg_document with 202: how far it is, and where to look.
 */
enum task { TASK_INVENTORY, TASK_BACKUP, TASK_DRILL, TASK_COUNT };
struct msg_task {
    struct msg_caller caller;
    struct ps_bytes request_id;
    uint8_t task; /* enum task */
};
extern const struct ipc_message msg_task_info;

/*
 * What a witness of the logs answered: a checkpoint of ours with its cosignature. Answered by
 * msg_document with 200.
 */
struct msg_cosignatures {
    struct msg_caller caller;
    struct ps_bytes request_id;
    struct ps_bytes tree; /* "events", or "use/<shard>" */
    struct ps_bytes note; /* a signed note */
};
extern const struct ipc_message msg_cosignatures_info;

/* Answered by msg_document: {allowed, rule, detail}. Does nothing. */
struct msg_access_check {
    struct msg_caller caller;
    struct ps_bytes request_id;
    struct ps_bytes operation;
    struct ps_bytes key;
    struct ps_bytes format;
    struct ps_bytes algorithm;
};

/*
 * A share of a PIN, sealed to the key of the present unlock as a JWE with ECDH-ES and A256GCM: its
 * parts, as the api took it apart. Answered by msg_document: how far the unlock is.
 */
struct msg_unlock_share {
    struct msg_caller caller;
    struct ps_bytes request_id;
    struct ps_bytes header; /* base64url, as it stood there: the additional data */
    struct ps_bytes iv;
    struct ps_bytes ciphertext;
    struct ps_bytes tag;
    struct ps_bytes point; /* of the ephemeral key: X || Y */
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

extern const struct ipc_message msg_jwe_recipient_info, msg_jwe_decrypt_info,
    msg_jwe_decrypted_info;
extern const struct ipc_message msg_jws_sign_info, msg_jwt_sign_info, msg_jws_signed_info,
    msg_raw_sign_info, msg_sd_jwt_sign_info, msg_raw_signed_info, msg_data_integrity_sign_info,
    msg_verify_keys_info, msg_read_info, msg_document_info, msg_change_info,
    msg_operation_step_info, msg_access_check_info, msg_random_info, msg_octets_info,
    msg_unlock_share_info, msg_appliance_state_info, msg_api_metrics_info, msg_cose_sign_info,
    msg_cwt_sign_info, msg_cose_signed_info, msg_x509_issue_info, msg_x509_issued_info;

extern const struct ipc_message msg_cms_sign_info, msg_cms_signed_info, msg_cms_signer_info,
    msg_cms_signer_found_info;

#endif
