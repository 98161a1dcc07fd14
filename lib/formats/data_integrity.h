#ifndef FORMATS_DATA_INTEGRITY_H
#define FORMATS_DATA_INTEGRITY_H

#include "lib/base/algorithm.h"
#include "lib/base/buf.h"

/*
 * W3C Data Integrity: what the signature of a cryptosuite covers is a hash block, the hash of the
 * canonical proof options and after it the hash of the canonical document. ECDSA hashes the block
 * once more, Ed25519 signs it as it is. Which canonicalization made the hashes is a matter of the
 * suite's name alone, and so is not seen here.
 * Source: vc-di-eddsa 1.0 sections 3.2 and 3.3, vc-di-ecdsa 1.0 sections 3.2 and 3.3,
 * vc-di-eddsa's Ed25519Signature2020; EcdsaSecp256r1Signature2019 as MOSIP's issuer makes it.
 */
struct data_integrity_suite {
    const char *name;
    enum ps_alg alg;
    enum ps_hash hash; /* of both halves of the block */
};

/* Two hashes of SHA-384. */
#define DATA_INTEGRITY_BLOCK_MAX 96u

/* The suite of this name for keys of this algorithm; NULL: there is none. */
const struct data_integrity_suite *data_integrity_suite_find(struct ps_bytes name, enum ps_alg alg);

/* True when there is a suite of this name for any algorithm. */
bool data_integrity_suite_exists(struct ps_bytes name);

/* The i-th of all; NULL at the end. A name stands in it once per algorithm. */
const struct data_integrity_suite *data_integrity_suite_at(size_t i);

/*
 * Appends the hash block. Errors: PS_E_INPUT when one of the hashes is not of the suite's length;
 * the buffer's.
 */
PS_MUST_USE enum ps_err data_integrity_put_block(const struct data_integrity_suite *suite,
                                                 struct ps_bytes proof_hash,
                                                 struct ps_bytes document_hash, struct ps_buf *out);

#endif
