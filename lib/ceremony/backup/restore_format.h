#ifndef CEREMONY_BACKUP_RESTORE_FORMAT_H
#define CEREMONY_BACKUP_RESTORE_FORMAT_H

#include "lib/ceremony/backup/backup_format.h"

/*
 * What `privyseal backup restore` leaves in the data directory of a new appliance, and the keeper
 * takes in at its next start. The directory has its name only when all of it is on disk; under the
 * other name it is nothing, and is removed by the next restore.
 */
#define RESTORE_DIRECTORY "restore"
#define RESTORE_PART      "restore.part"

/* In it: the log, as the keeper has it (docs/log-format.md); the rows; and what is said of them. */
#define RESTORE_EVENTS "events" /* a directory: `entries` and `checkpoint` */
#define RESTORE_ROWS   "rows"   /* records of the kind BACKUP_ROW, as in the backup */
#define RESTORE_FACTS  "facts"  /* JSON: struct restore_facts */

#define RESTORE_FACTS_MAX 4096u
#define RESTORE_FILE_MAX  128u

#endif
