#ifndef KEYSTORE_CATALOG_KEY_RECORD_H
#define KEYSTORE_CATALOG_KEY_RECORD_H

#include "lib/base/algorithm.h"
#include "lib/formats/json/json.h"

/* Rows of kinds `key` and `version`; see records.h. */

enum key_state {
    KEY_PRE_ACTIVATION,
    KEY_ACTIVE,
    KEY_SUSPENDED,
    KEY_DEACTIVATED,
    KEY_COMPROMISED,
    KEY_DESTROYED,
    KEY_WITHDRAWN, /* of a version: it was published ahead and never signs */
    KEY_STATE_COUNT
};
const char *key_state_name(enum key_state state);
bool key_state_by_name(struct ps_bytes name, enum key_state *ret_state);
/*
 * NIST SP 800-57 part 1, section 7: pre-activation -> active <-> suspended, both -> deactivated ->
 * destroyed; compromised from any but destroyed; destroyed also from compromised and from
 * pre-activation. Ours besides: pre-activation -> withdrawn -> destroyed. Nothing becomes what it
 * is.
 */
bool key_state_may_become(enum key_state from, enum key_state to);

enum key_verify { KEY_VERIFY_ALWAYS, KEY_VERIFY_SAMPLED, KEY_VERIFY_COUNT };
const char *key_verify_name(enum key_verify verify);

/*
 * Whatever is done to a key is of its class, if that is higher than the operation's own
 * (ceremonies.md). A row without the member is of class B.
 */
enum key_class { KEY_CLASS_B, KEY_CLASS_A, KEY_CLASS_COUNT };
const char *key_class_name(enum key_class class); /* "A" */

/* Where the certificate of each version comes from; without one none is ever activated. */
enum key_certificates {
    KEY_CERTIFICATES_NONE,     /* it needs none, and may have one */
    KEY_CERTIFICATES_EXTERNAL, /* it is installed */
    KEY_CERTIFICATES_INTERNAL, /* the issuer key of this appliance issues it */
    KEY_CERTIFICATES_COUNT
};
const char *key_certificates_name(enum key_certificates certificates); /* "external" */
bool key_certificates_by_name(struct ps_bytes name, enum key_certificates *ret_certificates);

struct rotation {
    uint64_t period_s; /* 0: never by itself */
    uint64_t publish_ahead_s;
    uint64_t retain_s;
    enum key_certificates certificates;
    bool stops; /* it signs no more once its certificate has ended; else only an alarm tells */
};

#define KEY_ALGS_MAX         8
#define KEY_FORMATS_MAX      4
#define KEY_LABELS_MAX       16
#define KEY_LABEL_NAME_MAX   64
#define KEY_LABEL_TEXT_MAX   256
#define KEY_JWT_TEXT_MAX     512
#define KEY_OBJECT_ID_MAX    32
#define KEY_PUBLIC_MAX       4096
#define KEY_KID_MAX          128
#define KEY_CHECK_MAX        96
#define KEY_VERSION_NAME_MAX 160
#define VERSION_REPLICAS_MAX 7

struct key_record {
    struct ps_bytes name;
    enum ps_key_type type;
    enum ps_usage usage;
    enum key_class class;
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
    struct ps_bytes issuer; /* name of the issuer key; empty: KEY_CERTIFICATES_INTERNAL has it */
    enum key_verify verify;
    struct ps_bytes jwt_type;
    struct ps_bytes jwt_issuer;
    uint64_t jwt_max_ttl_s;   /* 0: not pinned */
    struct json_value labels; /* object of strings; doc NULL: none */
    uint32_t latest;          /* number of the newest version; 0: there is none yet */
};

struct version_record {
    struct ps_bytes key;
    uint32_t number; /* from 1 */
    enum key_state state;
    struct ps_bytes object_id;  /* CKA_ID; 1 to KEY_OBJECT_ID_MAX octets */
    struct ps_bytes public_key; /* DER SubjectPublicKeyInfo; empty for secret keys */
    struct ps_bytes check;      /* of a secret key that the token holds; empty: none was made */
    struct ps_bytes kid;
    struct ps_bytes token;
    uint64_t created_s;
    uint64_t activates_s;
    uint64_t expires_s;                             /* 0: no end */
    uint64_t retired_s;                             /* when the successor took over; 0: not yet */
    struct ps_bytes replicas[VERSION_REPLICAS_MAX]; /* further tokens that hold it */
    size_t replica_count;
    bool is_unproven; /* the token has not shown that it has this public key: 0020 */
};

PS_MUST_USE enum ps_err key_record_read(struct json_value row, struct key_record *ret_record);
PS_MUST_USE enum ps_err version_record_read(struct json_value row,
                                            struct version_record *ret_record);
void key_record_put(const struct key_record *record, struct ps_buf *out);
void version_record_put(const struct version_record *record, struct ps_buf *out);

/* Whether their rows would be the same. */
bool key_record_is_same(const struct key_record *one, const struct key_record *other);

/* The name of a version's row: "<key>/<number>", at most KEY_VERSION_NAME_MAX octets. */
void version_record_put_name(struct ps_bytes key, uint32_t number, struct ps_buf *out);

#endif
