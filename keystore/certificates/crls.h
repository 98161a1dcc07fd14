#ifndef KEYSTORE_CERTIFICATES_CRLS_H
#define KEYSTORE_CERTIFICATES_CRLS_H

#include "keystore/internal.h"

/*
 * The certificate revocation lists of our issuers: signed when the token is there, every day and
 * after each revocation, and kept in memory. What is older than a start is not served again: a CRL
 * from a database that somebody set back would hide what was revoked since.
 */
struct crls;

#define CRL_PERIOD_S   UINT64_C(86400)     /* a new one after so long ... */
#define CRL_VALID_S    UINT64_C(7 * 86400) /* ... though each holds for a week */
#define CRL_OCTETS_MAX (1024u * 1024u)

PS_MUST_USE enum ps_err crls_new(struct keeper *keeper, struct crls **ret_crls);
void crls_free(struct crls *crls);
PS_DEFINE_CLEANUP(struct crls, crls_free)

/* Called every second; looks through the keys once a minute, or after a revocation. */
void crls_tick(struct crls *crls);

/* One that was signed, DER; see crls_ask. */
void crls_take(struct crls *crls, const struct key *key, struct ps_bytes der);

struct crl_view {
    struct ps_bytes der;
    uint64_t next_update_s;
};

/*
 * The list of an issuer's key, also of one that is not in use any more; where there is none that
 * holds still, it is asked for, and will be there soon. Errors: PS_E_NOT_FOUND (no issuer of ours),
 * PS_E_BUSY (none yet: try again).
 */
PS_MUST_USE enum ps_err crls_find(struct crls *crls, struct ps_bytes name,
                                  struct crl_view *ret_view);

#endif
