#ifndef FORMATS_JOSE_X5C_H
#define FORMATS_JOSE_X5C_H

#include "lib/base/buf.h"

/*
 * True when a certificate (DER) names itself as its issuer: a trust anchor, or nobody's but its
 * own. False also for what is no certificate.
 */
bool x5c_is_self_issued(struct ps_bytes der);

/*
 * How many of a chain travel with a signature. A self-issued certificate at the end of a longer one
 * is the verifier's own to have, and is left out.
 * chain: DER, the signer's own first, each certifying the one before it; at least one
 */
size_t x5c_count(const struct ps_bytes *chain, size_t count);

/* Appends the header member x5c (RFC 7515 section 4.1.6), a JSON array of base64, of those. */
void x5c_put(const struct ps_bytes *chain, size_t count, struct ps_buf *out);

#endif
