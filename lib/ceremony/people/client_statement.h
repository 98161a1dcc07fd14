#ifndef CEREMONY_PEOPLE_CLIENT_STATEMENT_H
#define CEREMONY_PEOPLE_CLIENT_STATEMENT_H

#include "lib/base/hash.h"
#include "lib/ceremony/operation/document.h"
#include "lib/formats/public_key/public_key.h"

/*
 * What a client signs with its old and with its new key to be known by the new one too, as octets
 * in RFC 8785 form (here cut into lines):
 *
 *   {"appliance":"<SHA-256 of its identity key, hex>","client":"oidc",
 *    "new_key":"<SubjectPublicKeyInfo, DER in base64url>","nonce":"<32 hex digits>",
 *    "not_after":"2026-11-20T20:30:00Z","old_key":"<SHA-256 of the old SubjectPublicKeyInfo,
 *    base64url: the pin>","type":"client.certificate","v":"1"}
 *
 * Both sign these octets themselves, as `openssl` does it: no envelope, no namespace. TLS 1.3 has
 * its keys sign nothing that begins with "{" (RFC 8446 section 4.4.3).
 */
#define CLIENT_STATEMENT_MAX 2048u
#define CLIENT_SPKI_MAX      640u /* RSA of 4096 bits has 550 */
#define CLIENT_SIGNATURE_MAX 512u

struct client_statement {
    uint8_t appliance[PS_SHA256_LEN];
    struct ps_bytes client; /* borrowed from the octets */
    uint8_t new_key[CLIENT_SPKI_MAX];
    size_t new_key_len;
    uint8_t nonce[OPERATION_NONCE_LEN];
    uint64_t not_after_s;
    uint8_t old_key[PS_SHA256_LEN];
};

/* Errors: PS_E_INPUT (the detail names the member), PS_E_LIMIT, PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err client_statement_parse(struct json *json, struct ps_bytes octets,
                                               struct client_statement *ret_statement);

/*
 * Verifies one of the two signatures: Ed25519; ECDSA with P-256 and SHA-256, P-384 and SHA-384, in
 * DER; RSA with SHA-256, PSS with a salt of 32 octets or PKCS #1 v1.5.
 * Errors: PS_E_DENIED (it does not verify), PS_E_INPUT (no key or signature that is taken).
 */
PS_MUST_USE enum ps_err client_statement_verify(struct ps_bytes octets, struct public_key *key,
                                                struct ps_bytes signature);

#endif
