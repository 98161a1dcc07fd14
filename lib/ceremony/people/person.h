#ifndef CEREMONY_PEOPLE_PERSON_H
#define CEREMONY_PEOPLE_PERSON_H

#include "lib/ceremony/people/roster.h"

/* One entry of a roster, for roster.c and what counts people. */

/* Reads an entry as roster_read does. Errors: PS_E_INPUT, PS_E_LIMIT, PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err person_read(struct json_value entry, struct person **ret_person);
PS_MUST_USE enum ps_err person_copy(const struct person *person, struct person **ret_person);
void person_free(struct person *person);
PS_DEFINE_CLEANUP(struct person, person_free)

/*
 * Whether two keys are the same numbers: a hardware key's and a plain one's type may differ, and
 * so may two applications of one hardware key, yet who has the one could have the other.
 */
bool person_keys_match(const struct ssh_key *a, const struct ssh_key *b);

#endif
