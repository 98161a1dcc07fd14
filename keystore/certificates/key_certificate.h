#ifndef KEYSTORE_CERTIFICATES_KEY_CERTIFICATE_H
#define KEYSTORE_CERTIFICATES_KEY_CERTIFICATE_H

#include "keystore/catalog/certificate_record.h"
#include "lib/formats/x509/certificate.h"

/* The certificate of a version and what leads from it to a root. */
struct key_certificate {
    struct ps_bytes chain[CERTIFICATE_CHAIN_MAX]; /* DER; the version's own first */
    size_t count;                                 /* at least one */
    uint8_t leaf_hash[PS_SHA256_LEN];             /* SHA-256 of the first: x5t#S256 */
    struct ps_bytes root; /* DER: where they lead; the first itself when that is a root */
    enum certificate_kind kind;
    uint8_t told_steps;    /* of how near its end is; certificate_watch.c */
    bool has_terms;        /* it was issued here, and can be again under the same terms */
    uint64_t not_before_s; /* of the first */
    uint64_t not_after_s;
    uint8_t octets[];
};

/* From its row. Freed with free(). Errors: PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err key_certificate_new(const struct certificate_record *record,
                                            struct key_certificate **ret_certificate);

/* Its version issues: this certificate and those above it, which the wish borrows. */
void key_certificate_fill_issuer(const struct key_certificate *issuer, struct x509_wish *wish);

#endif
