#ifndef KEYSTORE_CUSTODY_WRAPPING_NEEDED_H
#define KEYSTORE_CUSTODY_WRAPPING_NEEDED_H

#include "keystore/custody/records.h"

/*
 * How many versions of keys need a version of the wrapping key, as far as can be seen: of all that
 * the log has and that will be used again, those whose row is under it, and those whose row is gone
 * or of no known form. The latter may have one under it in a backup. Which rows there are is not
 * believed: they authorise nothing, and whoever writes to the database can change them.
 *
 * Reads the rows of every wrapped key that is not in memory, some ten microseconds each.
 * Errors: PS_E_DENIED (rows of keys are not what the log says), the catalog's.
 */
PS_MUST_USE enum ps_err wrapping_needed(const struct keeper *keeper, uint32_t wrapping,
                                        size_t *ret_count);

#endif
