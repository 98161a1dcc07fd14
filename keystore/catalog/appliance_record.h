#ifndef KEYSTORE_CATALOG_APPLIANCE_RECORD_H
#define KEYSTORE_CATALOG_APPLIANCE_RECORD_H

#include "lib/base/hash.h"
#include "lib/formats/json/json.h"

/* Rows of kinds `token` and `appliance`; see records.h. */

#define TOKEN_TEXT_MAX    64
#define ORIGIN_MAX        128
#define LOG_VERIFIER_MAX  1024
#define LOG_OBJECT_ID_MAX 32

/* A token that was approved: what the token process found must be this, or it gets no PIN. */
struct token_record {
    struct ps_bytes name;
    struct ps_bytes serial; /* as the token gives them, without the blanks at their ends */
    struct ps_bytes label;
    struct ps_bytes manufacturer;
    struct ps_bytes model;
    struct ps_bytes firmware;    /* "2.6" */
    struct ps_bytes profile;     /* of firmware-profiles/ */
    struct ps_bytes module_hash; /* SHA-256 of the PKCS#11 module; 32 octets */
    /* SHA-256 of the profile's file; 32 octets. Empty: approved by its id alone, as it once was. */
    struct ps_bytes profile_hash;
};

/* What this appliance is: made by genesis; officers lock it and approve its configuration. */
struct appliance_record {
    struct ps_bytes origin;        /* first line of checkpoints */
    struct ps_bytes log_object_id; /* CKA_ID of the key that signs checkpoints */
    struct ps_bytes log_token;     /* name of the token it is in */
    struct ps_bytes log_verifier;  /* its verifier key, as text of one line (C2SP signed-note) */
    bool practice;                 /* a practice appliance */
    bool locked;                   /* by officers */
    struct ps_bytes configuration; /* approved: SHA-256 of its security section; 32 octets */
    uint64_t created_s;
};

PS_MUST_USE enum ps_err token_record_read(struct json_value row, struct token_record *ret_record);
PS_MUST_USE enum ps_err appliance_record_read(struct json_value row,
                                              struct appliance_record *ret_record);

void token_record_put(const struct token_record *record, struct ps_buf *out);
void appliance_record_put(const struct appliance_record *record, struct ps_buf *out);

#endif
