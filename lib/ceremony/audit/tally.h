#ifndef CEREMONY_AUDIT_TALLY_H
#define CEREMONY_AUDIT_TALLY_H

#include "lib/base/buf.h"

/* How often each of some names was seen; told in the order of the names. */
struct audit_tally;

/* max: octets that its names may take, each with some 20 of its own. Errors: PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err audit_tally_new(size_t max, struct audit_tally **ret_tally);
void audit_tally_free(struct audit_tally *tally);
PS_DEFINE_CLEANUP(struct audit_tally, audit_tally_free)

/* Errors: PS_E_LIMIT (a new name for which there is no room), PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err audit_tally_add(struct audit_tally *tally, struct ps_bytes name);
uint64_t audit_tally_total(const struct audit_tally *tally);

/* {"name":count,...}. Errors: PS_E_NO_MEMORY, the buffer's. */
PS_MUST_USE enum ps_err audit_tally_put(const struct audit_tally *tally, struct ps_buf *out);

/*
 * Of names that are two, with this octet between them: [{"key":"a","caller":"b","uses":count},...],
 * the first two members under the names that are given.
 */
#define AUDIT_TALLY_BETWEEN '\n'
PS_MUST_USE enum ps_err audit_tally_put_pairs(const struct audit_tally *tally, const char *first,
                                              const char *second, struct ps_buf *out);

#endif
