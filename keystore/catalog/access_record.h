#ifndef KEYSTORE_CATALOG_ACCESS_RECORD_H
#define KEYSTORE_CATALOG_ACCESS_RECORD_H

#include "lib/formats/json/json.h"

/* Rows of kinds `client`, `grant`, `set` and `policy`; see records.h. */

#define CLIENT_PINS_MAX    2
#define CLIENT_UIDS_MAX    16
#define CLIENT_SAN_MAX     256
#define GRANT_OPS_MAX      64
#define GRANT_OP_NAME_MAX  160 /* "x509.issue:" and a name */
#define GRANT_FORMATS_MAX  6
#define GRANT_RATE_MAX     1000000
#define SET_PATTERNS_MAX   256
#define RECORD_SECONDS_MAX UINT64_C(3155760000) /* longest duration: a hundred years */

struct client_record {
    struct ps_bytes name;
    struct json_value pins;   /* array of base64url SHA-256 of SPKI; at most CLIENT_PINS_MAX */
    struct json_value uids;   /* array of integers below 2^32 - 1 */
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

struct policy_record {
    struct json_value document; /* as lib/ceremony/people/policy.h has it */
    uint64_t epoch;             /* one more at each change */
};

PS_MUST_USE enum ps_err client_record_read(struct json_value row, struct client_record *ret_record);
PS_MUST_USE enum ps_err grant_record_read(struct json_value row, struct grant_record *ret_record);
PS_MUST_USE enum ps_err set_record_read(struct json_value row, struct set_record *ret_record);
PS_MUST_USE enum ps_err policy_record_read(struct json_value row, struct policy_record *ret_record);

/* Arrays whose `doc` is NULL are written as empty ones. */
void client_record_put(const struct client_record *record, struct ps_buf *out);
void grant_record_put(const struct grant_record *record, struct ps_buf *out);
void set_record_put(const struct set_record *record, struct ps_buf *out);
void policy_record_put(const struct policy_record *record, struct ps_buf *out);

#endif
