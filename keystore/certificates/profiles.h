#ifndef KEYSTORE_CERTIFICATES_PROFILES_H
#define KEYSTORE_CERTIFICATES_PROFILES_H

#include "keystore/internal.h"
#include "lib/formats/x509/certificate.h"

/*
 * The approved profiles in memory, as the log has them: under what rules a client is given a
 * certificate, without people being asked each time.
 */
struct profiles;

/* Certificates begin a little earlier than they are made, for clocks that are behind. */
#define PROFILE_BACKDATE_S UINT64_C(300)

PS_MUST_USE enum ps_err profiles_new(struct profiles **ret_profiles);
void profiles_free(struct profiles *profiles);
PS_DEFINE_CLEANUP(struct profiles, profiles_free)

/* Takes over all rows, in place of those known before. */
PS_MUST_USE enum ps_err profiles_load(struct profiles *profiles, struct catalog *from);

/* Valid until profiles change; NULL: there is none of this name. */
const struct profile_record *profiles_find(const struct profiles *profiles, struct ps_bytes name);

/* Index of the leaf that put it as it is; 0: there is none of this name. */
uint64_t profiles_event(const struct profiles *profiles, struct ps_bytes name);

/*
 * Whether a profile can be approved: what its kind allows, and no CA. Whether its key is one is for
 * who asks. Errors: PS_E_INPUT; the detail says what to change.
 */
PS_MUST_USE enum ps_err profile_check(const struct profile_record *record);

/*
 * Holds what a client asks for to the profile's patterns, and fills in the values that are fixed.
 * Errors: PS_E_DENIED; the detail names what the profile does not allow.
 */
PS_MUST_USE enum ps_err profile_apply(const struct profile_record *record,
                                      struct x509_subject *subject, const struct x509_sans *sans);

#endif
