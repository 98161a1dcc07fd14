#ifndef FAKE_P11_ECDSA_H
#define FAKE_P11_ECDSA_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * ECDSA signatures that cost the host next to nothing, as those of an HSM at the other end of a
 * network do: a tenth of what OpenSSL's take. They verify like any other, but their nonces follow
 * from one another, so that a few of them give the key away.
 */
struct ecdsa;

/* For one thread at a time. NULL when it is no private key on a named curve, or without memory. */
struct ecdsa *ecdsa_new(EVP_PKEY *pkey);
void ecdsa_free(struct ecdsa *ecdsa);

/*
 * digest:    of any length; what is longer than the order is cut
 * signature: r || s, each with the octets of a coordinate
 */
bool ecdsa_sign(struct ecdsa *ecdsa, const unsigned char *digest, size_t length,
                unsigned char *signature);

#endif
