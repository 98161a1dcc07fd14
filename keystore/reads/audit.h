#ifndef KEYSTORE_READS_AUDIT_H
#define KEYSTORE_READS_AUDIT_H

#include "keystore/internal.h"

/*
 * Reports of what was done in a time, for whoever reads logs: as `privyseal audit report` makes
 * them from a copy, but told by the appliance itself. The log is read between other work, a
 * thousandth of a second at a time; one report after the other.
 */
struct audits;

PS_MUST_USE enum ps_err audits_new(struct keeper *keeper, struct audits **ret_audits);
void audits_free(struct audits *audits);
PS_DEFINE_CLEANUP(struct audits, audits_free)

struct audit_asked {
    uint64_t from_ns;
    uint64_t to_ns; /* 0: until now */
    struct ps_bytes key;
    struct ps_bytes caller;
};

/*
 * Begins one, whose document goes to `to` when it is made. Errors: PS_E_BUSY (another one is being
 * made), PS_E_INPUT (a name too long), PS_E_STORAGE, PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err audits_begin(struct audits *audits, const struct reply_to *to,
                                     const struct audit_asked *asked);

#endif
