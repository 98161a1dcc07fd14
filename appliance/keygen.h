#ifndef APPLIANCE_KEYGEN_H
#define APPLIANCE_KEYGEN_H

#include "lib/base/buf.h"

#define KEYGEN_PROGRAM "/usr/bin/ssh-keygen"

/*
 * Has ssh-keygen sign octets. It reads the private key and asks for passphrase, PIN and touch on
 * the terminal itself; we never see them.
 *
 * program:      absolute path of ssh-keygen
 * key:          as for its option -f: a private key, or the public one of a key in an agent
 * ret_armored:  made here; the signature as it printed it, at most SSHSIG_ARMORED_MAX octets; to
 *               be cleared by the caller, also after an error
 * Blocks:       until the person has done their part
 * Errors:       PS_E_NOT_FOUND (no such program), PS_E_DENIED (it did not sign), PS_E_LIMIT,
 *               PS_E_STORAGE, PS_E_NO_MEMORY
 * Source:       ssh-keygen(1), -Y sign: without files it signs standard input to standard output
 */
PS_MUST_USE enum ps_err keygen_sign(const char *program, const char *key, const char *namespace,
                                    struct ps_bytes octets, struct ps_buf *ret_armored);

/*
 * Has ssh-keygen make an Ed25519 key without a passphrase: for people of a practice appliance.
 *
 * key:      path of the private key, mode 0600, with the public one in `key`.pub beside it. Where
 *           the private one is there, both are. What was there is replaced.
 * comment:  of the public line
 * Errors:   PS_E_NOT_FOUND (no such program), PS_E_DENIED (it did not), PS_E_STORAGE,
 *           PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err keygen_make(const char *program, const char *key, const char *comment);

#endif
