#ifndef FRONTENDS_CERTIFY_HOLDER_H
#define FRONTENDS_CERTIFY_HOLDER_H

#include "lib/formats/json/json.h"
#include "lib/formats/public_key/public_key.h"

/*
 * The key that a wallet proves to have, and the DID that it goes by in credentials.
 *
 * kid:     a DID of the methods key or jwk, or a DID URL of its one key
 * ret_did: gets the DID
 * Errors:  PS_E_INPUT: another method, or a key that we do not take (also a private one)
 * Source:  did:key 0.7 (Ed25519, P-256 and P-384), did:jwk
 */
PS_MUST_USE enum ps_err holder_from_kid(struct ps_bytes kid, struct ps_buf *did,
                                        struct public_key **ret_key);

/* The same of a JWK, whose DID is one of did:jwk, of its required members alone. */
PS_MUST_USE enum ps_err holder_from_jwk(struct json_value jwk, struct ps_buf *did,
                                        struct public_key **ret_key);

#endif
