#ifndef FORMATS_X509_PROFILE_H
#define FORMATS_X509_PROFILE_H

#include "lib/base/algorithm.h"
#include "lib/formats/x509/name.h"

/*
 * What certificates may be for: one row each, from which everything in a certificate follows that
 * its requester does not choose. Names of kinds are in operations and in the log: they never
 * change.
 */
enum x509_kind {
    X509_KIND_NONE,
    X509_KIND_ROOT,
    X509_KIND_INTERMEDIATE,
    X509_KIND_SIGNING,         /* JWS, COSE and SD-JWT carry it as x5c, x5chain */
    X509_KIND_DOCUMENT_SIGNER, /* CMS and PDF */
    X509_KIND_ENCRYPTION,      /* of keys that decrypt */
    X509_KIND_TLS_SERVER,
    X509_KIND_TLS_CLIENT,
    X509_KIND_WALLET_BINDING,
    X509_KIND_COUNT
};

/* Key usage, RFC 5280 section 4.2.1.3: bit n of the standard is 1 << n. */
enum {
    X509_DIGITAL_SIGNATURE = 1 << 0,
    X509_NON_REPUDIATION = 1 << 1,
    X509_KEY_ENCIPHERMENT = 1 << 2,
    X509_KEY_AGREEMENT = 1 << 4,
    X509_KEY_CERT_SIGN = 1 << 5,
    X509_CRL_SIGN = 1 << 6,
};

/* Extended key usage: purposes by name, RFC 5280 section 4.2.1.12 and RFC 9336. */
enum x509_purpose {
    X509_SERVER_AUTH,
    X509_CLIENT_AUTH,
    X509_DOCUMENT_SIGNING,
    X509_EMAIL_PROTECTION,
    X509_PURPOSE_COUNT
};
#define X509_PURPOSE_BIT(purpose) (1u << (purpose))

struct x509_kind_info {
    const char *name;  /* "tls-server" */
    const char *title; /* "a TLS server", for people */
    bool is_ca;
    uint16_t key_usage;     /* of other keys than RSA, where key_usage_rsa says otherwise */
    uint16_t key_usage_rsa; /* 0: the same */
    unsigned purposes;      /* those that may be in it; all of them, unless fewer are wanted */
    unsigned needs;         /* 1 << enum x509_attribute: must be in its subject */
    unsigned sans;          /* X509_SAN_BIT: may be in it */
    bool needs_san;
    bool names_host;    /* a common name is one of the names too */
    uint64_t longest_s; /* with its first and its last second */
};

const struct x509_kind_info *x509_kind_info(enum x509_kind kind); /* NULL: none */
enum x509_kind x509_kind_by_name(struct ps_bytes name);
const char *x509_purpose_name(enum x509_purpose purpose); /* "server-auth" */
bool x509_purpose_by_name(struct ps_bytes name, enum x509_purpose *ret_purpose);

/* The key usage in a certificate of this kind for a key of this type. */
uint16_t x509_kind_key_usage(enum x509_kind kind, enum ps_key_type type);

/* May a key of ours with this usage and format have a certificate of this kind? */
bool x509_kind_fits(enum x509_kind kind, enum ps_usage usage, unsigned formats);

#endif
