#ifndef PKCS11_MODULE_SYNC_H
#define PKCS11_MODULE_SYNC_H

#include "lib/base/bytes.h"
#include "lib/base/err.h"

/*
 * Makes what a soft token has written durable: fsync of each regular file that changed lately and
 * of each directory, since the module itself never does it. Symbolic links are not followed.
 *
 * directory: absolute path; empty: nothing is done
 * since_s:   files whose change time (seconds since 1970) is older are known to be on disk; 0: all
 * Blocks:    as long as the disk takes
 * Errors:    PS_E_STORAGE, PS_E_LIMIT (deeper than 8 directories, or over a million entries)
 */
PS_MUST_USE enum ps_err sync_tree(struct ps_bytes directory, long since_s);

#endif
