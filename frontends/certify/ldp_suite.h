#ifndef FRONTENDS_CERTIFY_LDP_SUITE_H
#define FRONTENDS_CERTIFY_LDP_SUITE_H

#include "lib/base/bytes.h"

/*
 * The suites of proofs of `ldp_vc`. Both canonicalize with RDFC-1.0, hash with SHA-256, and are
 * signed by Ed25519. Source: vc-di-eddsa 1.0, section 3.2 and its Ed25519Signature2020
 */
struct ldp_suite {
    const char *name;        /* as configurations and metadata have it */
    const char *type;        /* of the proof */
    const char *cryptosuite; /* NULL: the proof has none */
    bool by_multikey; /* its verification method is a Multikey; else one of the suite's own */
};

/* NULL: there is no such suite. */
const struct ldp_suite *ldp_suite_find(struct ps_bytes name);

#endif
