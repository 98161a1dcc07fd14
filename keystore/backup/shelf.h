#ifndef KEYSTORE_BACKUP_SHELF_H
#define KEYSTORE_BACKUP_SHELF_H

#include "lib/base/buf.h"

/* The directory of backups: which there are. What has no backup's name is left alone. */

#define SHELF_NAME_LEN (sizeof "20261121T024130Z.privyseal-backup" - 1)

/* What is not finished is called so, by the name that it will have. */
#define SHELF_PART_FORM ".%s.part"

struct shelved {
    char name[SHELF_NAME_LEN + 1]; /* begins with the time when it was made */
    uint64_t created_s;
    uint64_t written_s; /* the last of it */
    uint64_t octets;
};

struct shelf {
    struct shelved *all; /* the oldest first */
    size_t count;
};
void shelf_clear(struct shelf *shelf);

/* Replaces what is in it. Errors: PS_E_STORAGE (the directory is not there), PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err shelf_read(struct shelf *shelf, const char *directory);

/* The name of one that is made now. */
void shelf_put_name(uint64_t now_s, char ret_name[SHELF_NAME_LEN + 1]);

/*
 * How many of the oldest are too many when `keep` stay, the one called `newest` among them. Those
 * after it are of the future, by a clock that was wrong: they do not count, since they would have
 * the good ones removed in their stead.
 */
size_t shelf_count_surplus(const struct shelf *shelf, const char *newest, uint32_t keep);

/* What was made or removed there survives a power cut. Errors: PS_E_STORAGE. */
PS_MUST_USE enum ps_err shelf_sync(const char *directory);

/*
 * Removes what is not finished: nobody goes on with what a crash has left, which may be as large as
 * a backup. Only while none is being made there. Errors: PS_E_STORAGE.
 */
PS_MUST_USE enum ps_err shelf_sweep(const char *directory);

/* Errors: PS_E_STORAGE. */
PS_MUST_USE enum ps_err shelf_remove(const char *directory, const char *name);

#endif
