#ifndef KEYSTORE_BACKUP_BACKUP_FILE_H
#define KEYSTORE_BACKUP_BACKUP_FILE_H

#include "lib/base/buf.h"
#include "lib/ceremony/backup/backup_format.h"

/*
 * A backup that is being written: under another name until it is whole and on disk, so that what
 * has a backup's name is one.
 */
struct backup_file;

/* directory: absolute. name: of the file. Errors: PS_E_STORAGE, PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err backup_file_new(const char *directory, const char *name,
                                        struct backup_file **ret_file);
void backup_file_free(struct backup_file *file); /* removes what was not finished */
PS_DEFINE_CLEANUP(struct backup_file, backup_file_free)

/* Errors: PS_E_LIMIT (over BACKUP_RECORD_MAX), PS_E_STORAGE. */
PS_MUST_USE enum ps_err backup_file_put(struct backup_file *file, enum backup_kind kind,
                                        struct ps_bytes octets);

/* Back to the first record behind the header: the rows are written once more. */
PS_MUST_USE enum ps_err backup_file_rewind(struct backup_file *file);

uint64_t backup_file_rows(const struct backup_file *file);
const uint8_t *backup_file_rows_hash(const struct backup_file *file); /* PS_SHA256_LEN octets */

/* The end record; then the file is synced and has its name. Errors: PS_E_STORAGE. */
PS_MUST_USE enum ps_err backup_file_finish(struct backup_file *file);

#endif
