#ifndef FORMATS_JOSE_SD_JWT_H
#define FORMATS_JOSE_SD_JWT_H

#include "lib/formats/jose/jws.h"

/*
 * SD-JWT (RFC 9901) and SD-JWT VC: the payload of the part that the issuer signs. The disclosures
 * are the caller's, who keeps them from us.
 */

#define SD_JWT_TYPE_MAX 64u

/*
 * True for a header `typ` that anybody could take for one of SD-JWTs: with "+sd-jwt" in it, in any
 * case, whatever stands before and behind it.
 */
bool sd_jwt_is_type(struct ps_bytes type);

/*
 * Checks that a payload is one of an SD-JWT that no verifier has to refuse.
 *
 * payload: octets of a JSON object, signed as they are
 * type:    header `typ`: a media type's name that ends in "+sd-jwt" (RFC 9901 section 9.11), at
 *          most SD_JWT_TYPE_MAX octets
 * Errors:  PS_E_INPUT, with a detail that names the member: no strict JSON object; `_sd` that is no
 *          array of SHA-256 digests, `...` that is not alone in an element of an array, a digest
 *          that is there twice, a disclosure in the place of its digest; `_sd_alg` below the top or
 *          another than sha-256; `cnf.jwk` that is no public key of ours; "vc+sd-jwt" and
 *          "dc+sd-jwt" without a `vct`; claims that jwt_check_claims refuses; PS_E_DENIED
 *          (against a pin), PS_E_LIMIT, PS_E_NO_MEMORY
 * Source:  RFC 9901 sections 4.1, 4.2, 7.1; draft-ietf-oauth-sd-jwt-vc section 2.2
 */
PS_MUST_USE enum ps_err sd_jwt_check(struct ps_bytes payload, struct ps_bytes type, uint64_t now_s,
                                     const struct jwt_pins *pins);

#endif
