#ifndef FORMATS_CMS_CMS_H
#define FORMATS_CMS_CMS_H

#include "lib/base/algorithm.h"
#include "lib/base/buf.h"

/*
 * Detached CMS signatures (RFC 5652): one signer, always with signed attributes, whose DER is what
 * is signed. Whoever holds the key builds the attributes; whoever holds the content puts the
 * signature together. DER is written here octet by octet, so that the attributes in the message are
 * the ones that were signed.
 */

/* Octets of a chain of certificates, leaf first, DER one after another. */
#define CMS_CHAIN_MAX      (32u * 1024u)
#define CMS_ATTRIBUTES_MAX 512u

/* What a signature has at most beside its chain and the issuer's name: attributes, RSA-4096. */
#define CMS_OVERHEAD_MAX 2048u

struct cms_attributes {
    enum ps_alg algorithm;
    struct ps_bytes digest;      /* of the content, with cms_hash(algorithm) */
    struct ps_bytes leaf_sha256; /* of the signer's certificate */
    uint64_t time_ns;            /* real: when it is signed, in whole seconds */
};

/* The hash of content and attributes. EdDSA: SHA-512 (RFC 8419 section 3.1). */
enum ps_hash cms_hash(enum ps_alg algorithm);

/*
 * The signed attributes as they are signed: DER of a SET OF (RFC 5652 section 5.4) with
 * content-type, always id-data, message-digest, signing-time and signing-certificate-v2
 * (RFC 5035), which are those of CAdES' basic level. At most CMS_ATTRIBUTES_MAX octets; the first,
 * 0x31, begins neither a TBSCertificate nor any other structure that is signed by itself.
 * Errors: PS_E_INPUT (a digest of another length), the buffer's.
 */
PS_MUST_USE enum ps_err cms_put_attributes(const struct cms_attributes *attributes,
                                           struct ps_buf *out);

/* The first certificate of a chain. Errors: PS_E_INPUT. */
PS_MUST_USE enum ps_err cms_chain_leaf(struct ps_bytes chain, struct ps_bytes *ret_leaf);

/* The most octets that a signature with this chain has, of any algorithm. Errors: PS_E_INPUT. */
PS_MUST_USE enum ps_err cms_signed_data_max(struct ps_bytes chain, size_t *ret_max);

struct cms_signed {
    enum ps_alg algorithm;
    struct ps_bytes attributes; /* as cms_put_attributes wrote them */
    struct ps_bytes signature;  /* in X.509's form: of ECDSA the SEQUENCE of R and S */
    struct ps_bytes chain;      /* leaf first, DER one after another */
};

/*
 * The whole message: ContentInfo of SignedData without content.
 * Errors: PS_E_INPUT (the chain is none), PS_E_LIMIT, the buffer's.
 */
PS_MUST_USE enum ps_err cms_put_signed_data(const struct cms_signed *parts, struct ps_buf *out);

#endif
