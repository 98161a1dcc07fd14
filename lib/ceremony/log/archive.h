#ifndef CEREMONY_LOG_ARCHIVE_H
#define CEREMONY_LOG_ARCHIVE_H

#include "lib/base/hash.h"

/*
 * An archive of a shard of uses: a directory with that shard whole and with `events`, both in the
 * layout of an export, and a manifest of their files: it verifies and proves by itself.
 */

/*
 * A line for each file, as sha256sum(1) writes and checks them. Its own SHA-256 is what people
 * approve when the shard is pruned.
 */
#define LOG_MANIFEST "manifest"
/* Octets; 0.8 for each leaf of the shard, which has at most 67 million, and of `events`. */
#define LOG_MANIFEST_MAX (128u * 1024u * 1024u)

/*
 * Makes the archive of a complete shard of the log in `from`. `to` does not exist yet, and is there
 * once it is whole and on the disk. Errors: as log_export; PS_E_CONFLICT (`to` is there),
 * PS_E_STATE (the shard is not complete, its last checkpoint is not signed, or it was pruned),
 * PS_E_INPUT (no shard's name), PS_E_NOT_FOUND.
 */
PS_MUST_USE enum ps_err log_archive(const char *from, struct ps_bytes shard, const char *to);

/*
 * Reads each file that the manifest lists, and compares. ret_hash: of the manifest. Errors:
 * PS_E_DENIED (a file is not as it was: the detail names it), PS_E_INPUT (the manifest is none),
 * PS_E_NOT_FOUND (there is no manifest), PS_E_STORAGE.
 */
PS_MUST_USE enum ps_err log_archive_check(const char *directory, uint8_t ret_hash[PS_SHA256_LEN]);

/* Takes the next line off a manifest. Errors: PS_E_INPUT (none, or of a path that leads out). */
struct log_manifest_line {
    struct ps_bytes hash; /* in hexadecimal digits */
    struct ps_bytes path; /* below the directory */
};
PS_MUST_USE enum ps_err log_manifest_take(struct ps_bytes *rest,
                                          struct log_manifest_line *ret_line);

/* The SHA-256 of the manifest alone. Errors: PS_E_NOT_FOUND, PS_E_LIMIT, PS_E_STORAGE. */
PS_MUST_USE enum ps_err log_archive_hash(int dir_fd, uint8_t ret_hash[PS_SHA256_LEN]);

#endif
