#include "lib/base/encode.h"
#include "lib/ceremony/log/archive.h"
#include "lib/ceremony/log/verification.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* Shards that were pruned: what stays of them, and their archives. */

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
}

static void tell_archive(struct verification *v, const struct shard_check *check, int dir_fd)
{
    const struct pruned_entry *pruned = pruned_list_find(&v->pruned, check->name);
    uint8_t hash[PS_SHA256_LEN];

    if (log_archive_hash(dir_fd, hash) == PS_OK && pruned != NULL &&
        memcmp(hash, pruned->archive, sizeof hash) == 0) {
        verification_tell(v, LOG_PASS, "shards", check->label,
                          "its archive is the one that people approved");
    } else {
        verification_tell(
            v, LOG_NOTE, "shards", check->label,
            "its archive is another copy than the one that people approved; what is in it is "
            "verified all the same");
    }
}

/* PS_E_NOT_FOUND: none was given, or it is not there. */
static enum ps_err verify_archive(struct verification *v, const struct shard_check *check)
{
    PS_CLEANUP(log_files_free_cleanup) struct log_files *files = NULL;
    PS_CLEANUP(close_fd) int dir_fd = -1;
    char path[4096];
    const int len =
        v->archive == NULL ? -1 : snprintf(path, sizeof path, "%s/%s", v->archive, check->name);

    if (len < 0 || (size_t)len >= sizeof path) {
        return ps_fail(PS_E_NOT_FOUND, 0, "no archive");
    }
    dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0) {
        return ps_fail_errno(errno == ENOENT ? PS_E_NOT_FOUND : PS_E_STORAGE, "%s", path);
    }
    PS_TRY(log_files_open(dir_fd, check->label, check->label, &files));
    tell_archive(v, check, dir_fd);
    return verification_check_leaves(v, check, files);
}

/* The checkpoint that stays is of the tree that `events` names. */
static enum ps_err check_rest(struct verification *v, const struct shard_check *check,
                              const struct log_files *files)
{
    struct checkpoint checkpoint;
    struct note_key key;
    enum ps_err err;
    PS_BUF_AUTO note = {.max = LOG_NOTE_MAX + 1};

    key = check->key;
    PS_TRY(log_signers_choose(&v->signers, files, &key));
    err = log_files_read_checkpoint(files, &note);
    if (err == PS_OK && v->has_key) {
        err = checkpoint_open(ps_buf_bytes(&note), &key, &checkpoint);
    }
    if (err == PS_E_STORAGE || err == PS_E_NO_MEMORY) {
        return err;
    }
    if (err != PS_OK || !v->has_key || !ps_bytes_equal(checkpoint.origin, check->key.name) ||
        checkpoint.size != check->entry->size ||
        memcmp(&checkpoint.root, &check->entry->root, sizeof checkpoint.root) != 0) {
        verification_tell(v, LOG_FAIL, "checkpoint", check->label,
                          "what stays of the pruned shard is not the checkpoint of all its leaves");
    }
    return PS_OK;
}

/* Without its leaves, a checkpoint that somebody keeps can be compared with all of it alone. */
static void compare_known(struct verification *v, const struct shard_check *check)
{
    if (check->known == NULL) {
        return;
    }
    if (check->known->size != check->entry->size) {
        verification_tell(
            v, LOG_FAIL, "checkpoint", check->label,
            "the one given is of a part of this shard, which was pruned: give its archive too "
            "(--archive)");
    } else if (memcmp(&check->known->root, &check->entry->root, sizeof check->known->root) != 0) {
        verification_tell(v, LOG_FAIL, "checkpoint", check->label,
                          "the one given is of other leaves");
    } else {
        verification_tell(v, LOG_PASS, "checkpoint", check->label,
                          "the one given is of all its leaves");
    }
}

enum ps_err verification_check_pruned(struct verification *v, const struct shard_check *check,
                                      const struct log_files *files)
{
    const struct pruned_entry *pruned = pruned_list_find(&v->pruned, check->name);
    PS_BUF_AUTO text = {.max = 1024};
    enum ps_err err;

    if (pruned == NULL) {
        verification_tell(v, LOG_FAIL, "shards", check->label,
                          "its leaves were removed, and no operation in events allowed that");
        return PS_OK;
    }
    PS_TRY(check_rest(v, check, files));
    ps_buf_put_str(&text, "pruned: its leaves are in the archive ");
    ps_buf_put_hex(&text, ps_bytes(pruned->archive, sizeof pruned->archive));
    ps_buf_printf(&text, ", kept at: %s", pruned->place);
    ps_buf_put_u8(&text, '\0');
    PS_TRY(ps_buf_status(&text));
    verification_tell(v, LOG_NOTE, "shards", check->label, (const char *)text.data);
    err = verify_archive(v, check);
    if (err != PS_E_NOT_FOUND) {
        return err;
    }
    if (v->archive != NULL) {
        verification_tell(v, LOG_FAIL, "shards", check->label,
                          "its archive is not where --archive says");
        return PS_OK;
    }
    compare_known(v, check);
    v->summary.pruned_shards++;
    v->summary.missing_shards++;
    return PS_OK;
}
