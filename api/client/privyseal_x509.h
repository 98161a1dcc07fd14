#ifndef API_CLIENT_PRIVYSEAL_X509_H
#define API_CLIENT_PRIVYSEAL_X509_H

/* Stands beside this one, in the tree and where it is installed. */
#include "privyseal.h"

/* Certificates that the appliance issues under its profiles; see privyseal(3). */

struct privyseal_x509 {
    const char *profile;    /* under which one it is issued */
    const void *csr;        /* a request (PKCS #10) in DER, */
    size_t csr_len;         /* or 0: */
    const char *public_jwk; /* a JWK, JSON, where the profile wants no proof of possession */
    const char *subject;    /* JSON object, in place of the request's; or NULL */
    const char *sans;    /* JSON array: "dns:a.example", ...; in place of the request's; or NULL */
    uint32_t validity_s; /* 0: as long as the profile allows */
};

struct privyseal_issued {
    const char *pem;        /* the certificate, then those above it */
    const char *serial;     /* hexadecimal, by which it is revoked */
    const char *not_before; /* RFC 3339, UTC */
    const char *not_after;
    struct privyseal_answer answer;
};
PRIVYSEAL_API void privyseal_issued_clear(struct privyseal_issued *result);

PRIVYSEAL_API PRIVYSEAL_MUST_USE enum privyseal_result
privyseal_issue_certificate(struct privyseal *client, const struct privyseal_x509 *request,
                            struct privyseal_issued *ret_issued);

#endif
