#ifndef FORMATS_X509_CSR_H
#define FORMATS_X509_CSR_H

#include "lib/formats/x509/certificate.h"

/* Certification requests (PKCS #10, RFC 2986). */

#define X509_CSR_MAX 16384u

/*
 * What is to be signed of a request: subject, key, and subject alternative names where there are
 * any. x509_put_signed makes the request of it. Errors: PS_E_INPUT, and those of the buffer.
 */
PS_MUST_USE enum ps_err x509_put_csr_info(const struct x509_subject *subject,
                                          const struct x509_sans *sans, struct ps_bytes spki,
                                          struct ps_buf *out);

/* A request that was read; what it says borrows from its octets and from `memory`. */
struct x509_csr {
    struct x509_subject subject;
    struct x509_sans sans;
    struct ps_bytes spki;
    struct ps_buf memory;
};

/*
 * Reads a DER request and checks that it is signed by the key it names (proof of possession).
 * Nothing is passed over: attributes but one extensionRequest, extensions but those whose matter
 * the profile decides (key usage, purposes, key id, "no CA") and the alternative names, which are
 * read, and attributes of a subject that we do not write are errors. ret_csr: to be cleared with
 * x509_csr_clear, after an error too; der outlives it. Errors: PS_E_INPUT, PS_E_DENIED (not signed
 * by its key), PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err x509_csr_read(struct ps_bytes der, struct x509_csr *ret_csr);
void x509_csr_clear(struct x509_csr *csr);

#endif
