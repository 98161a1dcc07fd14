#ifndef FRONTENDS_CERTIFY_DID_H
#define FRONTENDS_CERTIFY_DID_H

#include "lib/formats/public_key/public_key.h"

/*
 * The issuer's DID document (DID Core 1.0), made of the appliance's JWK set: for each key a
 * `Multikey`, named by itself, and under its kid the type that older verifiers know: of Ed25519
 * `Ed25519VerificationKey2020`, of the others `JsonWebKey2020`. Both stand in `assertionMethod`.
 */

/* "did:web:" and the origin's host, with its port. Source: did:web, section 3.1. */
void did_put_web(struct ps_bytes origin, struct ps_buf *out);

/*
 * set:    a JWK set; keys of types that have no place in a DID document are passed over
 * keys:   further keys, a JSON array of what `GET /v1/keys/{name}` of the appliance says of each:
 *         those of Data Integrity stand in no set. All versions are taken that can still be
 *         verified with, since credentials outlive the versions that signed them.
 * Errors: PS_E_INPUT (no JWK set, no such array), PS_E_LIMIT, PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err did_put_document(struct ps_bytes did, struct ps_bytes set,
                                         struct ps_bytes keys, struct ps_buf *out);

/* Appends publicKeyMultibase, a Multikey's own name. Errors: PS_E_INPUT: a type that has none. */
PS_MUST_USE enum ps_err did_put_multikey(const struct public_key *key, struct ps_buf *out);

#endif
