#ifndef KEYSTORE_BACKUP_MIRROR_FILES_H
#define KEYSTORE_BACKUP_MIRROR_FILES_H

#include "lib/base/buf.h"
#include "lib/formats/tlog/merkle.h"

/*
 * A mirror of `events`: in the directory `events` below its own, as the keeper has it
 * (docs/log-format.md): `entries`, and the checkpoint that covers them. Its leaves are there before
 * the checkpoint that counts them. Whatever reads a log reads it: `privyseal backup restore
 * --events`, `log verify`, `audit`. All calls may block for as long as the disk likes.
 */
struct mirror_files;

/* What is there: its whole leaves, and those among them that its checkpoint covers. */
struct mirror_found {
    uint64_t leaves;
    struct merkle_hash root; /* of all of them */
    uint64_t signed_leaves;
    struct merkle_hash signed_root;
};

/*
 * Makes or opens it, for this process alone, and reads it whole, about 1 us a leaf. Nothing is
 * changed of what is there. Errors: PS_E_CONFLICT (it is a copy of another layout), PS_E_BUSY
 * (somebody has it open), PS_E_INPUT (its leaves are not those of its checkpoint: the detail names
 * the place), PS_E_STORAGE, PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err mirror_files_open(const char *directory, struct mirror_files **ret_files,
                                          struct mirror_found *ret_found);
void mirror_files_free(struct mirror_files *files);
PS_DEFINE_CLEANUP(struct mirror_files, mirror_files_free)

/* Keeps only what its checkpoint covers. Errors: PS_E_STORAGE. */
PS_MUST_USE enum ps_err mirror_files_cut(struct mirror_files *files);

/* More leaves, each behind its length (u16); durable afterwards. Errors: PS_E_STORAGE. */
PS_MUST_USE enum ps_err mirror_files_append(struct mirror_files *files, struct ps_bytes leaves);

/* The checkpoint over all that is there, in the place of the one before. Errors: PS_E_STORAGE. */
PS_MUST_USE enum ps_err mirror_files_sign(struct mirror_files *files, struct ps_bytes note);

#endif
