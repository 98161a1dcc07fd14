#ifndef FORMATS_X509_CHAIN_H
#define FORMATS_X509_CHAIN_H

#include "lib/formats/x509/certificate.h"

#define X509_CHAIN_MAX 8u /* certificates */

struct x509_chain {
    const struct ps_bytes *certificates; /* DER, leaf first, each signed by the next */
    size_t count;
    const struct ps_bytes *anchors; /* DER of the roots it may lead to */
    size_t anchor_count;
    struct ps_bytes spki; /* of the key that the leaf is for */
    enum x509_kind kind;  /* what the leaf is to be used for */
    uint64_t now_s;
};

/*
 * May this chain be installed for the key? Key match; order; signatures and path to an anchor
 * (which may be the chain's last certificate or be left out of it); dates of all; CA flags, path
 * lengths and name constraints; no critical extension that we do not know; algorithms and key
 * sizes; key usage and purposes of the leaf. Errors: PS_E_INPUT (not readable), PS_E_DENIED (the
 * detail says which certificate and what is wrong with it), PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err x509_check_chain(const struct x509_chain *chain);

#endif
