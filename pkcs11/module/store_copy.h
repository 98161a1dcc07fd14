#ifndef PKCS11_MODULE_STORE_COPY_H
#define PKCS11_MODULE_STORE_COPY_H

#include "lib/base/bytes.h"
#include "lib/base/err.h"

/*
 * SoftHSM 2.6.1 cuts a token's own file to nothing and writes it anew at every login: a process
 * that is killed in between leaves a token without label, PIN or any way to its keys. So a copy of
 * that file is kept beside it, and put back where an empty one is found. The copy holds what the
 * file held (a key under the PIN), for the same user only.
 *
 * directory: of the store, with a directory for each token; empty: nothing is done
 * file:      name of the file in each of them; empty: nothing is done
 */

/*
 * Copies each file that is not empty and differs from its copy; durable on return.
 *
 * lock:   the store's, as store_lock_take gave it to the caller for writing (store_lock.h)
 * Errors: PS_E_BUSY (there is something to copy, and the lock was not had: the file may be half
 *         written; nothing is to be written without a copy then), PS_E_STORAGE, PS_E_LIMIT (a file
 *         over 64 KiB)
 */
PS_MUST_USE enum ps_err store_copy_keep(struct ps_bytes directory, const char *file, int lock);

/*
 * Puts the copy in place of each file that is empty; one that is missing was removed by somebody
 * and stays so. Takes the store's lock when there is something to do. To be called while the module
 * is stopped or about to read the token anew.
 * Errors: PS_E_BUSY (another process keeps the lock: it may be writing the file), PS_E_STORAGE,
 *         PS_E_LIMIT
 */
PS_MUST_USE enum ps_err store_copy_mend(struct ps_bytes directory, const char *file);

#endif
