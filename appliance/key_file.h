#ifndef APPLIANCE_KEY_FILE_H
#define APPLIANCE_KEY_FILE_H

#include "lib/base/err.h"

#include <openssl/types.h>

/*
 * Keys of TLS in files: PEM without passphrase, which their owner alone may read.
 *
 * Reads the key in a file; where there is none, makes one (P-256) and writes it there first. A key
 * that is there is never replaced: certificates are renewed for the same one.
 *
 * ret_key: to be freed with EVP_PKEY_free
 * Errors:  PS_E_DENIED (others may read the file), PS_E_INPUT (not such a key), PS_E_STORAGE
 */
PS_MUST_USE enum ps_err key_file_obtain(const char *path, EVP_PKEY **ret_key);

/* For OpenSSL's readers of PEM: a file's passphrase is not asked for, since nobody sits there. */
int key_file_no_passphrase(char *to, int size, int writing, void *context);

#endif
