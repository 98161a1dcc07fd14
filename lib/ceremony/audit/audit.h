#ifndef CEREMONY_AUDIT_AUDIT_H
#define CEREMONY_AUDIT_AUDIT_H

#include "lib/base/buf.h"
#include "lib/ceremony/log/verify.h"

/*
 * What auditors ask of the logs, told from a copy of them which is verified while it is read: each
 * leaf, hash and checkpoint (log_verify.h), and each operation with the people who approved it
 * (replay.h). What is told counts if no row was a FAIL; leaves that nobody signed are not told.
 */
struct audit_request {
    const char *directory; /* holds `events` and perhaps `use` */
    struct ps_bytes log_key;
    const char *archive;    /* of pruned shards, as of log_verify_request; NULL: none */
    const uint8_t *genesis; /* SHA-256 of the first leaf; NULL: any. Of a report. */
    const struct log_witnesses *witnesses; /* whose cosignatures can be verified; NULL: nobody's */
    log_row_fn *fn;                        /* gets the findings; may be NULL */
    void *context;
};

struct audit_period {
    uint64_t from_ns; /* since 1970: from <= time < to */
    uint64_t to_ns;
    struct ps_bytes key;    /* empty: all; else uses of this key alone */
    struct ps_bytes caller; /* the same of uses by this client */
};

/*
 * Appends a JSON object (docs/audit.md): logs and what witnesses have seen of them; operations that
 * ended in the period, each with who asked, who approved and the leaves that say so; exceptions;
 * states of keys; uses by key, caller and operation; refusals, alarms and starts; all other leaves
 * of `events`; roster, policy, clients and grants as they were at its end. The same copy, period
 * and options give the same octets.
 * Errors: PS_E_DENIED (the log does not verify, is of another genesis, or a complete shard of uses
 * is not there; what was told is there), those of log_verify
 */
PS_MUST_USE enum ps_err audit_report(const struct audit_request *request,
                                     const struct audit_period *period, struct ps_buf *out);

/*
 * Appends a JSON object: roster, policy, clients and grants as the leaves up to `at_ns` lead to
 * them, for which `use` is not needed. Errors: as above; PS_E_NOT_FOUND (before the genesis).
 */
PS_MUST_USE enum ps_err audit_state(const struct audit_request *request, uint64_t at_ns,
                                    struct ps_buf *out);

#endif
