#ifndef FORMATS_X509_CRL_H
#define FORMATS_X509_CRL_H

#include "lib/formats/x509/certificate.h"

/* Certificate revocation lists (RFC 5280 section 5), version 2, of all certificates of an issuer.
 */

/* RFC 5280 section 5.3.1; those that mean something for a complete CRL. */
enum x509_reason {
    X509_REASON_UNSPECIFIED = 0,
    X509_REASON_KEY_COMPROMISE = 1,
    X509_REASON_CA_COMPROMISE = 2,
    X509_REASON_AFFILIATION_CHANGED = 3,
    X509_REASON_SUPERSEDED = 4,
    X509_REASON_CESSATION = 5,
    X509_REASON_PRIVILEGE_WITHDRAWN = 9,
};

const char *x509_reason_name(enum x509_reason reason); /* "key-compromise"; NULL: none of these */
bool x509_reason_by_name(struct ps_bytes name, enum x509_reason *ret_reason);

#define X509_REVOKED_MAX 56u /* octets that one takes in a list */

struct x509_revoked {
    struct ps_bytes serial; /* its octets without leading zeros */
    uint64_t revoked_s;
    enum x509_reason reason;
};

struct x509_crl {
    struct ps_bytes issuer; /* DER of the issuer's certificate */
    enum ps_alg algorithm;
    uint64_t number; /* rising */
    uint64_t this_update_s;
    uint64_t next_update_s;
    const struct x509_revoked *revoked;
    size_t count;
};

/*
 * The TBSCertList. Errors: PS_E_STATE (the issuer's certificate is not one that signs CRLs),
 * PS_E_INPUT, and those of the buffer.
 */
PS_MUST_USE enum ps_err x509_put_crl_tbs(const struct x509_crl *crl, struct ps_buf *out);

#endif
