#ifndef KEYSTORE_CATALOG_ISSUING_RECORD_H
#define KEYSTORE_CATALOG_ISSUING_RECORD_H

#include "lib/formats/json/json.h"
#include "lib/formats/x509/profile.h"

/* Rows of the kinds `profile` and `revocation`; see records.h. */

#define PROFILE_URL_MAX   512u
#define PROFILE_RULES_MAX 64u

/* Under what rules clients get certificates of an issuer key of ours. */
struct profile_record {
    struct ps_bytes name;
    enum x509_kind kind;
    struct ps_bytes key;        /* the issuer's */
    struct ps_bytes crl_url;    /* in every certificate; empty: in none */
    uint64_t longest_s;         /* valid at most so long */
    bool proof;                 /* a CSR is needed: the requester has the private key */
    struct json_value sans;     /* array of patterns (lib/formats/x509/rule.h) */
    struct json_value purposes; /* array of names of purposes; empty: all of the kind */
    struct json_value subject;  /* object: attribute, and the pattern of its value */
};

PS_MUST_USE enum ps_err profile_record_read(struct json_value row,
                                            struct profile_record *ret_record);
void profile_record_put(const struct profile_record *record, struct ps_buf *out);

/* X509_PURPOSE_BITs; 0: all of the kind. Of a record that was read. */
unsigned profile_purposes(const struct profile_record *record);

/* A certificate that is not to be trusted any more. */
struct revocation_record {
    struct ps_bytes key;    /* the issuer's */
    struct ps_bytes serial; /* 1 to 20 octets, the first not zero */
    struct ps_bytes reason; /* name of an enum x509_reason */
    uint64_t revoked_s;
};

PS_MUST_USE enum ps_err revocation_record_read(struct json_value row,
                                               struct revocation_record *ret_record);
void revocation_record_put(const struct revocation_record *record, struct ps_buf *out);
/* "<key>/<serial in base64url>" */
void revocation_record_put_name(struct ps_bytes key, struct ps_bytes serial, struct ps_buf *out);

#endif
