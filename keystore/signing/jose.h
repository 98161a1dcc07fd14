#ifndef KEYSTORE_SIGNING_JOSE_H
#define KEYSTORE_SIGNING_JOSE_H

#include "keystore/signing/steps.h"
#include "lib/formats/jose/jws.h"

/* What JWS, JWT and SD-JWT have in common. */

/*
 * Header, signing input and digest from what the caller gave and what is ours.
 *
 * header:  `members`, `type` and `unencoded` are set; the rest is filled here
 * include: JWS_INCLUDE_..., a sum
 */
bool jose_build(struct sign_request *request, struct jws_header *header, uint8_t include,
                struct ps_bytes payload, struct problem_answer *ret_answer);

/* What the key pins for the JWTs that it signs. */
struct jwt_pins jose_pins_of(const struct key *key);

/* Answers with msg_jws_signed. */
void jose_put_answer(const struct sign_request *request);

#endif
