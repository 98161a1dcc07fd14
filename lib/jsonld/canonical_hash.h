#ifndef JSONLD_CANONICAL_HASH_H
#define JSONLD_CANONICAL_HASH_H

#include "lib/base/hash.h"
#include "lib/jsonld/jsonld.h"

/*
 * SHA-256 of the canonical N-Quads of a document: what a proof of RDF signs. A document that says
 * more than its RDF is refused.
 *
 * Errors: of jsonld_to_rdf and rdf_canonicalize
 * Source: RDFC-1.0; Data Integrity EdDSA Cryptosuites v1.0, sections 3.2.3 and 3.2.4
 */
PS_MUST_USE enum ps_err jsonld_canonical_hash(struct ps_bytes document,
                                              const struct jsonld_contexts *contexts,
                                              uint8_t ret_hash[PS_SHA256_LEN]);

#endif
