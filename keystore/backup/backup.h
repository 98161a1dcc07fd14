#ifndef KEYSTORE_BACKUP_BACKUP_H
#define KEYSTORE_BACKUP_BACKUP_H

#include "keystore/internal.h"

/*
 * Backups, as the approved configuration says: where, how often, how many. Each is one file: the
 * whole log `events`, from which the catalog is derived, and the rows that the log does not have
 * (docs/backup-format.md). It is written, synced, read back and verified, and only then are older
 * ones removed. All of it in slices, between signatures.
 */
struct backups;

PS_MUST_USE enum ps_err backups_new(struct keeper *keeper, struct backups **ret_backups);
void backups_free(struct backups *backups);
PS_DEFINE_CLEANUP(struct backups, backups_free)

/* Called once a second. */
void backups_tick(struct backups *backups);

/* One as soon as may be. Errors: PS_E_STATE (the configuration names no directory for them). */
PS_MUST_USE enum ps_err backups_ask(struct backups *backups);

/* How far it is, which there are, and which keys are in none. Errors: PS_E_STORAGE (the directory
 * cannot be read). */
PS_MUST_USE enum ps_err backups_put(const struct backups *backups, struct ps_buf *out);

#endif
