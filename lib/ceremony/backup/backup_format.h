#ifndef CEREMONY_BACKUP_BACKUP_FORMAT_H
#define CEREMONY_BACKUP_BACKUP_FORMAT_H

#include "lib/base/hash.h"

/*
 * A backup, as docs/backup-format.md says it: a first line, and records in the order of their
 * kinds: u8 kind, u32 length (big-endian), octets.
 */
#define BACKUP_MAGIC       "privyseal-backup v1\n"
#define BACKUP_RECORD_HEAD 5u
#define BACKUP_RECORD_MAX  (64u * 1024u) /* octets of one */
#define BACKUP_LEAF_KIND   "backup"      /* of the leaf that says what rows there are */

/* Of a file's name, behind the time when it was begun: "20260102T030405Z". */
#define BACKUP_SUFFIX ".privyseal-backup"

enum backup_kind {
    BACKUP_HEADER = 1,     /* one: JSON {"created", "origin", "version"} */
    BACKUP_ROW = 2,        /* {"body", "kind", "name"}: of the catalog, what the log does not say */
    BACKUP_LEAF = 3,       /* of `events`, from the first on */
    BACKUP_CHECKPOINT = 4, /* one: the signed note over all these leaves */
    BACKUP_END = 5         /* one: the chain over all records before it; 32 octets */
};

/*
 * A chain over records, each with its head: begins as 32 zeros, and becomes SHA-256(chain ||
 * record) with each. One is over all records, one over the rows alone.
 */
void backup_chain_add(uint8_t chain[PS_SHA256_LEN], struct ps_bytes record);

/* The head of a record. */
void backup_put_head(enum backup_kind kind, size_t len, uint8_t out[BACKUP_RECORD_HEAD]);

#endif
