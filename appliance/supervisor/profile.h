#ifndef APPLIANCE_SUPERVISOR_PROFILE_H
#define APPLIANCE_SUPERVISOR_PROFILE_H

#include "lib/base/buf.h"

#define PROFILE_MAX (64u * 1024u)

/*
 * Reads a firmware profile and checks that it is one JSON object; what stands in it is the token
 * process's matter.
 *
 * ret_profile: made here; to be cleared by the caller, also after an error
 * Errors:      PS_E_INPUT, and those of file_read
 */
PS_MUST_USE enum ps_err profile_load(const char *path, struct ps_buf *ret_profile);

#endif
