#ifndef KEYSTORE_CERTIFICATES_REVOCATIONS_H
#define KEYSTORE_CERTIFICATES_REVOCATIONS_H

#include "keystore/internal.h"
#include "lib/formats/x509/crl.h"

/* What was revoked, in memory, as the log has it; in the order of keys and serials. */
struct revocations;

/* Of one key: its CRL has to fit into a message. */
#define REVOCATIONS_MAX 18000u

PS_MUST_USE enum ps_err revocations_new(struct revocations **ret_revocations);
void revocations_free(struct revocations *revocations);
PS_DEFINE_CLEANUP(struct revocations, revocations_free)

/* Takes over all rows, in place of those known before. */
PS_MUST_USE enum ps_err revocations_load(struct revocations *revocations, struct catalog *from);

/* One more each time they may have changed. */
uint64_t revocations_epoch(const struct revocations *revocations);

/* Those of an issuer's key; *ret_list is valid until they change. Returns how many. */
size_t revocations_of(const struct revocations *revocations, struct ps_bytes key,
                      const struct x509_revoked **ret_list);

#endif
