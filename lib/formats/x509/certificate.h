#ifndef FORMATS_X509_CERTIFICATE_H
#define FORMATS_X509_CERTIFICATE_H

#include "lib/base/hash.h"
#include "lib/formats/x509/profile.h"

/*
 * Certificates (RFC 5280): what is to be signed, the whole with a signature made elsewhere, and
 * reading one.
 */

#define X509_CERTIFICATE_MAX 16384u /* octets of one */
#define X509_SERIAL_LEN      16u    /* octets that a caller takes from a generator */
#define X509_SERIAL_MAX      20u    /* RFC 5280 section 4.1.2.2 */
#define X509_URL_MAX         512u

/* Everything that a certificate says. */
struct x509_wish {
    enum x509_kind kind;
    const struct x509_subject *subject;
    const struct x509_sans *sans; /* NULL: none */
    struct ps_bytes spki;         /* DER, as public_key_spki writes it */
    struct ps_bytes issuer;       /* DER of the issuer's certificate; empty: it signs itself */
    const struct ps_bytes *above; /* DER of what stands above that, its own issuer's first ... */
    size_t above_count;
    struct ps_bytes root;    /* ... and of the root, where it is none of them; else empty */
    enum ps_alg algorithm;   /* of the issuer's signature */
    struct ps_bytes serial;  /* X509_SERIAL_LEN random octets; its top bits are set here */
    uint64_t not_before_s;   /* seconds since 1970 */
    uint64_t not_after_s;    /* the last second in which it is valid */
    int path_len;            /* of a CA: certificates that may follow below; -1: no limit */
    unsigned purposes;       /* X509_PURPOSE_BIT; 0: all that the kind has */
    struct ps_bytes crl_url; /* where the issuer's CRL is; empty: it does not say */
};

/*
 * Checks the wish against the rules of its kind, against the issuer's certificate (that it is a
 * CA's, and valid as long as the new one), and against the path lengths and name constraints of
 * that and of all above it, and writes the TBSCertificate.
 * Errors: PS_E_INPUT (a name, key or date that the kind does not allow), PS_E_STATE (the issuer's
 * certificate does not carry it), PS_E_NO_MEMORY. The detail says what to change.
 */
PS_MUST_USE enum ps_err x509_put_tbs(const struct x509_wish *wish, struct ps_buf *out);

/* The serial as it stands in a certificate made with these octets: positive, of full length. */
void x509_serial(struct ps_bytes random, uint8_t out[X509_SERIAL_LEN]);

/*
 * Certificate, CRL or CSR of what was signed. `signature`: raw, as tokens give it (ECDSA: R || S).
 * Errors: PS_E_INPUT, and those of the buffer.
 */
PS_MUST_USE enum ps_err x509_put_signed(struct ps_bytes signed_part, enum ps_alg algorithm,
                                        struct ps_bytes signature, struct ps_buf *out);

/* AlgorithmIdentifier of a signature (RFC 3279, 4055, 5758, 8410). */
void x509_put_algorithm(enum ps_alg algorithm, struct ps_buf *out);
/*
 * The algorithm whose identifier these octets are; PS_ALG_NONE: none of ours. ECDSA's is the same
 * for every curve, so that the type of the signer's key decides; PS_KEY_NONE: the first that fits.
 */
enum ps_alg x509_algorithm(struct ps_bytes identifier, enum ps_key_type signer);
/* The value in a signature's bit string (DER for ECDSA), and back. Errors: PS_E_INPUT. */
PS_MUST_USE enum ps_err x509_put_signature_value(enum ps_alg algorithm, struct ps_bytes signature,
                                                 struct ps_buf *out);
PS_MUST_USE enum ps_err x509_take_signature_value(enum ps_alg algorithm, struct ps_bytes value,
                                                  struct ps_buf *out);

/* A certificate that was read. */
struct x509_certificate;

struct x509_facts {
    struct ps_bytes der;
    struct ps_bytes spki;    /* DER */
    struct ps_bytes serial;  /* its octets without leading zeros */
    struct ps_bytes subject; /* RFC 4514 text, UTF-8 */
    struct ps_bytes issuer;
    uint64_t not_before_s;
    uint64_t not_after_s;
    uint8_t sha256[PS_SHA256_LEN];
    enum ps_alg algorithm; /* of its signature; of ECDSA with SHA-256 the curve may be the other */
    bool is_ca;
    bool is_self_issued; /* subject and issuer are the same name */
    bool has_key_usage;
    uint16_t key_usage;
    int path_len; /* -1: no limit */
    bool has_purposes;
    unsigned purposes; /* X509_PURPOSE_BIT of those we know */
};

/*
 * Reads one DER certificate of at most X509_CERTIFICATE_MAX octets, of version 3, with a key and a
 * signature algorithm of ours, a positive serial of at most 20 octets, and no extension twice.
 * Errors: PS_E_INPUT, PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err x509_read(struct ps_bytes der, struct x509_certificate **ret_certificate);
void x509_certificate_free(struct x509_certificate *certificate);
PS_DEFINE_CLEANUP(struct x509_certificate, x509_certificate_free)

/* Valid as long as the certificate. */
const struct x509_facts *x509_facts(const struct x509_certificate *certificate);

/* The subject's common name, UTF-8, or the whole subject when it has none. */
void x509_put_common_name(const struct x509_certificate *certificate, struct ps_buf *out);

#endif
