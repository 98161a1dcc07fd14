#ifndef KEYSTORE_BACKUP_RESTORED_FILES_H
#define KEYSTORE_BACKUP_RESTORED_FILES_H

#include "keystore/catalog/catalog.h"
#include "lib/formats/json/json.h"

/* What `privyseal backup restore` left in the data directory
 * (lib/ceremony/backup/restore_format.h). */

struct restored_facts {
    struct ps_bytes created; /* of the backup; RFC 3339 */
    struct ps_bytes file;    /* its name */
    uint64_t leaves;         /* of `events` that were restored */
    bool mirrored;           /* among them later ones than the backup's, from a mirror */
    struct ps_bytes shard;   /* of `use`, that is written next */
};

/* Whether there is something to be taken in. Errors: PS_E_STORAGE. */
PS_MUST_USE enum ps_err restored_files_exist(struct ps_bytes data_directory, bool *ret_exist);

/*
 * Puts it where the keeper has its own: the rows into the catalog, the log in place of one that has
 * no leaves. May be repeated after a crash at any point. Errors: PS_E_DENIED (another
 * appliance is there: a log with leaves, or its catalog), PS_E_INPUT (not of the form),
 * PS_E_STORAGE, PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err restored_files_take(struct ps_bytes data_directory,
                                            struct catalog *catalog);

/* What is said of it; borrows from `text` and `json`. Errors: PS_E_INPUT, PS_E_STORAGE. */
PS_MUST_USE enum ps_err restored_files_read_facts(struct ps_bytes data_directory, struct json *json,
                                                  struct ps_buf *text,
                                                  struct restored_facts *ret_facts);

/* The same of octets, from which it borrows. Errors: PS_E_INPUT, PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err restored_facts_parse(struct json *json, struct ps_bytes octets,
                                             struct restored_facts *ret_facts);

/* It was taken in, and a leaf says so. Errors: PS_E_STORAGE. */
PS_MUST_USE enum ps_err restored_files_remove(struct ps_bytes data_directory);

#endif
