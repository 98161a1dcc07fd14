#ifndef KEYSTORE_BACKUP_HOLDERS_H
#define KEYSTORE_BACKUP_HOLDERS_H

#include "keystore/internal.h"
#include "keystore/keys/keys.h"

/*
 * Which backups hold what was wrapped of a key: whoever has one of them and a token with the
 * wrapping key has the key. Told by the times at which it was made and destroyed, and at which they
 * were begun and written: where these leave a doubt it is named. Other keys are in no backup.
 */
struct writer;

#define HOLDERS_MAX 64u /* that are named, the newest; how many there are is said besides */

/*
 * For a document that people sign: members `backups` and `backups_in_all` of an open object, of one
 * version, or of all for number 0. Nothing of a key that is not wrapped. Errors: PS_E_STORAGE (the
 * directory of backups cannot be read), PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err holders_put(const struct keeper *keeper, const struct key *key,
                                    uint32_t number, struct writer *json);

/* The same of backups that have something which was there for a time, in seconds. */
PS_MUST_USE enum ps_err holders_put_span(const struct keeper *keeper, uint64_t from_s,
                                         uint64_t until_s, struct writer *json);

/*
 * The same of what was destroyed of it, for who looks at it: nothing when nothing was, and
 * `backups_unknown` when the directory cannot be read just now. Errors: those of catalog and log.
 */
PS_MUST_USE enum ps_err holders_put_destroyed(const struct keeper *keeper, const struct key *key,
                                              struct writer *json);

#endif
