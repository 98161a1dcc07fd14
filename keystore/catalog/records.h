#ifndef KEYSTORE_CATALOG_RECORDS_H
#define KEYSTORE_CATALOG_RECORDS_H

#include "lib/base/algorithm.h"
#include "lib/formats/json.h"

/*
 * The typed view of catalog rows: one struct per kind, read from and written to RFC 8785 JSON by
 * closed schemas. Octet fields borrow from the row's text or the parser's memory.
 */

enum key_state {
    KEY_PRE_ACTIVATION,
    KEY_ACTIVE,
    KEY_SUSPENDED,
    KEY_DEACTIVATED,
    KEY_COMPROMISED,
    KEY_DESTROYED,
    KEY_STATE_COUNT
};
const char *key_state_name(enum key_state state);
/* NIST SP 800-57 part 1, section 7: pre-activation -> active <-> suspended -> deactivated ->
 * destroyed; compromised from any but destroyed; destroyed from compromised too. */
bool key_state_may_become(enum key_state from, enum key_state to);

enum key_verify { KEY_VERIFY_ALWAYS, KEY_VERIFY_SAMPLED };

struct rotation {
    uint64_t period_s; /* 0: never by itself */
    uint64_t publish_ahead_s;
    uint64_t retain_s;
};

#define KEY_ALGS_MAX    8
#define KEY_FORMATS_MAX 4

struct key_record {
    struct ps_bytes name;
    enum ps_key_type type;
    enum ps_usage usage;
    enum ps_format formats[KEY_FORMATS_MAX];
    size_t format_count;
    enum ps_alg algorithms[KEY_ALGS_MAX]; /* the first is the default */
    size_t algorithm_count;
    struct ps_bytes residence; /* "token"; later "wrapped" */
    struct ps_bytes recovery;  /* "none", "vendor", "replicated", "wrapped" */
    struct ps_bytes token;     /* name of the token it lives in */
    enum key_state state;
    uint64_t validity_s; /* 0: no end */
    struct rotation rotation;
    enum key_verify verify;
    struct ps_bytes jwt_type;
    struct ps_bytes jwt_issuer;
    uint64_t jwt_max_ttl_s;   /* 0: not pinned */
    struct json_value labels; /* object of strings; doc NULL: none */
    uint32_t latest;          /* number of the newest version */
};

struct version_record {
    struct ps_bytes key;
    uint32_t number;
    enum key_state state;
    struct ps_bytes object_id;  /* CKA_ID */
    struct ps_bytes public_key; /* DER SubjectPublicKeyInfo; empty for secret keys */
    struct ps_bytes kid;
    struct ps_bytes token;
    uint64_t created_s;
    uint64_t activates_s;
    uint64_t expires_s; /* 0: no end */
    uint64_t retired_s; /* when the successor took over; 0: not yet */
};

struct client_record {
    struct ps_bytes name;
    struct json_value pins;   /* array of base64url SHA-256 of SPKI; at most 2 */
    struct json_value uids;   /* array of integers */
    struct ps_bytes san;      /* with `issuer`: a rule instead of pins; or empty */
    struct ps_bytes issuer;   /* SHA-256 of the issuer's SPKI */
    struct ps_bytes listener; /* "clients", "management" or "both" */
    bool suspended;
};

struct grant_record {
    struct ps_bytes id;
    struct ps_bytes client;
    struct ps_bytes keys;         /* pattern */
    struct json_value operations; /* array of names */
    struct json_value formats;    /* array of names; empty: any the operation has */
    uint64_t rate_per_s;          /* 0: no limit */
    uint64_t not_after_s;         /* 0: no end */
};

struct set_record {
    struct ps_bytes name;
    struct json_value keys; /* array of patterns */
    uint64_t max_age_s;
};

/* Each: PS_E_INPUT when the document is not of the schema. */
PS_MUST_USE enum ps_err key_record_read(struct json_value row, struct key_record *ret_record);
PS_MUST_USE enum ps_err version_record_read(struct json_value row,
                                            struct version_record *ret_record);
PS_MUST_USE enum ps_err client_record_read(struct json_value row, struct client_record *ret_record);
PS_MUST_USE enum ps_err grant_record_read(struct json_value row, struct grant_record *ret_record);
PS_MUST_USE enum ps_err set_record_read(struct json_value row, struct set_record *ret_record);

void key_record_put(const struct key_record *record, struct ps_buf *out);
void version_record_put(const struct version_record *record, struct ps_buf *out);
void client_record_put(const struct client_record *record, struct ps_buf *out);
void grant_record_put(const struct grant_record *record, struct ps_buf *out);
void set_record_put(const struct set_record *record, struct ps_buf *out);

#endif
