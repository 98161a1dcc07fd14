#include "keystore/backup/restored.h"
#include "keystore/events/anchor.h"
#include "keystore/events/checkpoints.h"
#include "keystore/events/events.h"
#include "keystore/snapshot/internal.h"
#include "keystore/state/lock.h"
#include "lib/base/encode.h"
#include "lib/ceremony/log/key.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define NOTE_FILE "note"
#define NEXT_FILE "note.next"

/*
 * The note of a snapshot: a checkpoint of `events` under an origin of its own, with one more line,
 * "<pages> <hash>", in decimal and lower-case hexadecimal, of the table (table.h). Where the
 * appliance was restored a second one has the index of the leaf that named the log's key. The
 * keeper has it signed when it has just made the table, and never signs one that it found.
 */

/* --- The file --- */

enum ps_err snapshot_read_note(struct snapshots *snapshots, struct ps_buf *out)
{
    uint8_t octets[NOTE_OCTETS_MAX / 4];
    ssize_t got;
    int fd;

    PS_TRY(snapshot_open_directory(snapshots));
    fd = openat(snapshots->directory, NOTE_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        return errno == ENOENT ? PS_OK : ps_fail_errno(PS_E_STORAGE, "snapshot/" NOTE_FILE);
    }
    got = read(fd, octets, sizeof octets);
    if (got < 0) {
        (void)close(fd);
        return ps_fail_errno(PS_E_STORAGE, "snapshot/" NOTE_FILE);
    }
    (void)close(fd);
    ps_buf_put(out, ps_bytes(octets, (size_t)got));
    return ps_buf_status(out);
}

static enum ps_err write_file(int directory, const char *name, struct ps_bytes octets)
{
    const int fd =
        openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool is_written;

    if (fd < 0) {
        return ps_fail_errno(PS_E_STORAGE, "snapshot/%s", name);
    }
    is_written = write(fd, octets.data, octets.len) == (ssize_t)octets.len && fsync(fd) == 0;
    (void)close(fd);
    return is_written ? PS_OK : ps_fail_errno(PS_E_STORAGE, "snapshot/%s", name);
}

/* The table's name is durable before the note that counts on it. */
static enum ps_err store_note(const struct snapshots *snapshots, struct ps_bytes note)
{
    const int directory = snapshots->directory;

    PS_TRY(write_file(directory, NEXT_FILE, note));
    if (fsync(directory) != 0 || renameat(directory, NEXT_FILE, directory, NOTE_FILE) != 0 ||
        fsync(directory) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "snapshot/" NOTE_FILE);
    }
    return PS_OK;
}

void snapshot_remove_note(const struct snapshots *snapshots)
{
    if (unlinkat(snapshots->directory, NOTE_FILE, 0) == 0) {
        (void)fsync(snapshots->directory);
    }
}

static bool is_one_of(const char *name, const uint64_t *sizes, size_t count)
{
    char kept[SNAPSHOT_FILE_MAX];

    for (size_t i = 0; i < count; i++) {
        snapshot_put_file(sizes[i], kept);
        if (strcmp(name, kept) == 0) {
            return true;
        }
    }
    return false;
}

void snapshot_remove_others(const struct snapshots *snapshots)
{
    const uint64_t kept[] = {snapshots->stored.size, snapshots->is_busy ? snapshots->asked.size : 0,
                             snapshots->size, snapshots->build.size};
    const int copy = dup(snapshots->directory);
    DIR *listing = copy < 0 ? NULL : fdopendir(copy);
    const struct dirent *entry;

    if (listing == NULL) {
        if (copy >= 0) {
            (void)close(copy);
        }
        return;
    }
    rewinddir(listing);
    while ((entry = readdir(listing)) != NULL) {
        const size_t len = strlen(entry->d_name);

        if (len > 5 && strcmp(entry->d_name + len - 5, ".rows") == 0 &&
            !is_one_of(entry->d_name, kept, PS_COUNT_OF(kept))) {
            (void)unlinkat(snapshots->directory, entry->d_name, 0);
        }
    }
    (void)closedir(listing);
}

/* --- What it says --- */

static enum ps_err key_of(const struct note_key *events, struct ps_buf *origin,
                          struct note_key *ret_key)
{
    log_key_put_origin(events, SNAPSHOT_TREE, origin);
    PS_TRY(ps_buf_status(origin));
    return note_key_make(ps_buf_bytes(origin),
                         ps_bytes(events->public_key, sizeof events->public_key), ret_key);
}

/* How many digits it begins with; at most 15. */
static size_t take_digits(struct ps_bytes text, uint64_t *ret_number)
{
    size_t at = 0;

    *ret_number = 0;
    while (at < text.len && at < 15 && text.data[at] >= '0' && text.data[at] <= '9') {
        *ret_number = *ret_number * 10 + (uint64_t)(text.data[at] - '0');
        at++;
    }
    return at;
}

static struct ps_bytes first_line(struct ps_bytes lines)
{
    const uint8_t *end = lines.len == 0 ? NULL : memchr(lines.data, '\n', lines.len);

    return end == NULL ? lines : ps_bytes(lines.data, (size_t)(end - lines.data) + 1);
}

/* Never 0: a genesis is named by no line. */
static enum ps_err parse_named(struct ps_bytes lines, uint64_t *ret_named)
{
    const struct ps_bytes line = ps_bytes_from(lines, first_line(lines).len);
    uint64_t named = 0;
    const size_t digits = take_digits(line, &named);

    if (line.len != 0 &&
        (named == 0 || digits + 1 != line.len || line.data[line.len - 1] != '\n')) {
        return ps_fail(PS_E_INPUT, 0, "the snapshot's note names no leaf of the log's key");
    }
    *ret_named = named;
    return PS_OK;
}

enum ps_err snapshot_peek_named(struct ps_bytes note, uint64_t *ret_named)
{
    struct checkpoint checkpoint;

    PS_TRY(checkpoint_peek(note, &checkpoint));
    return parse_named(checkpoint.extension, ret_named);
}

static enum ps_err parse_line(struct ps_bytes line, struct table_seal *ret_seal)
{
    PS_BUF_AUTO hash = {.max = PS_SHA256_LEN};
    uint64_t pages = 0;
    const size_t at = take_digits(line, &pages);

    if (at == 0 || pages > UINT32_MAX || line.len != at + 2 + (size_t)2 * PS_SHA256_LEN ||
        line.data[at] != ' ' || line.data[line.len - 1] != '\n') {
        return ps_fail(PS_E_INPUT, 0, "the snapshot's note names no table");
    }
    PS_TRY(ps_hex_decode(ps_bytes(line.data + at + 1, (size_t)2 * PS_SHA256_LEN), &hash));
    ret_seal->pages = (uint32_t)pages;
    memcpy(ret_seal->hash, hash.data, PS_SHA256_LEN);
    return PS_OK;
}

enum ps_err snapshot_open_note(struct ps_bytes note, const struct note_key *events,
                               struct checkpoint *ret_checkpoint, struct table_seal *ret_seal)
{
    PS_BUF_AUTO origin = {.max = 512};
    struct checkpoint checkpoint;
    struct note_key key;
    uint64_t named;

    PS_TRY(key_of(events, &origin, &key));
    PS_TRY(checkpoint_open(note, &key, &checkpoint));
    if (!ps_bytes_equal(checkpoint.origin, key.name)) {
        return ps_fail(PS_E_DENIED, 0, "the snapshot's note has another origin");
    }
    PS_TRY(parse_named(checkpoint.extension, &named));
    PS_TRY(parse_line(first_line(checkpoint.extension), ret_seal));
    *ret_checkpoint = checkpoint;
    return PS_OK;
}

/* --- Signing --- */

static enum ps_err put_text(const struct snapshots *snapshots, const struct note_key *key,
                            struct ps_buf *out)
{
    PS_BUF_AUTO line = {.max = 128};

    ps_buf_printf(&line, "%u ", snapshots->seal.pages);
    ps_buf_put_hex(&line, ps_bytes(snapshots->seal.hash, PS_SHA256_LEN));
    ps_buf_put_u8(&line, '\n');
    if (snapshots->named != 0) {
        ps_buf_printf(&line, "%llu\n", (unsigned long long)snapshots->named);
    }
    PS_TRY(ps_buf_status(&line));
    return checkpoint_put(&(struct checkpoint){.origin = key->name,
                                               .size = snapshots->size,
                                               .root = snapshots->root,
                                               .extension = ps_buf_bytes(&line)},
                          out);
}

static enum ps_err keep(struct snapshots *snapshots, struct ps_bytes signature)
{
    PS_BUF_AUTO origin = {.max = 512};
    PS_BUF_AUTO note = {.max = NOTE_OCTETS_MAX};
    struct checkpoint opened;
    struct note_key key;

    if (signature.len != 64) {
        return ps_fail(PS_E_DENIED, 0, "no signature of the log's key");
    }
    PS_TRY(checkpoints_find_key(snapshots->keeper, SNAPSHOT_TREE, &origin, &key));
    ps_buf_put(&note, ps_buf_bytes(&snapshots->text));
    note_put_signature(&key, signature, &note, true);
    PS_TRY(ps_buf_status(&note));
    PS_TRY(checkpoint_open(ps_buf_bytes(&note), &key, &opened));
    PS_TRY(store_note(snapshots, ps_buf_bytes(&note)));
    snapshots->stored = snapshots->asked;
    snapshot_remove_others(snapshots);
    ps_line(PS_INFO, "snapshot_signed", PS_NUM("leaves", snapshots->stored.size));
    return PS_OK;
}

static void on_signed(void *context, const struct token_answer *answer)
{
    struct snapshots *snapshots = context;
    enum ps_err err = PS_E_TOKEN;

    snapshots->is_busy = false;
    if (answer->outcome == TOKEN_ANSWERED) {
        const struct msg_token_signed *message = answer->message;

        err = answer->info == &msg_token_signed_info ? keep(snapshots, message->signature)
                                                     : PS_E_DENIED;
    }
    if (err == PS_E_DENIED) {
        events_alarm(snapshots->keeper, "checkpoint", ps_bytes_str(LOG_KEY_NAME),
                     ps_detail()->text);
        tokens_condemn(answer->process, "wrong-signature");
    } else if (err != PS_OK) {
        ps_line(PS_WARNING, "snapshot_not_signed", PS_STR("detail", ps_detail()->text));
    }
}

static enum ps_err sign(struct snapshots *snapshots)
{
    struct keeper *keeper = snapshots->keeper;
    struct token *token = keeper_main_token(keeper);
    struct key *log = keys_find(keeper->keys, ps_bytes_str(LOG_KEY_NAME));
    const struct key_version *version = log == NULL ? NULL : key_active(log, real_now_s());
    struct msg_token_sign message = {.algorithm = PS_ALG_EDDSA, .key_type = PS_KEY_ED25519};
    PS_BUF_AUTO origin = {.max = 512};
    struct note_key key;

    if (token == NULL || version == NULL) {
        return ps_fail(PS_E_TOKEN, 0, "the log's key is away");
    }
    PS_TRY(checkpoints_find_key(keeper, SNAPSHOT_TREE, &origin, &key));
    ps_buf_reset(&snapshots->text);
    PS_TRY(put_text(snapshots, &key, &snapshots->text));
    message.object_id = version_object_id(version);
    message.data = ps_buf_bytes(&snapshots->text);
    PS_TRY(tokens_call(token, &msg_token_sign_info, &message, 0, on_signed, snapshots));
    snapshots->asked.size = snapshots->size;
    memcpy(snapshots->asked.hash, snapshots->seal.hash, sizeof snapshots->asked.hash);
    snapshots->is_busy = true;
    return PS_OK;
}

static bool is_signed(const struct snapshots *snapshots)
{
    return snapshots->stored.size == snapshots->size &&
           memcmp(snapshots->stored.hash, snapshots->seal.hash, sizeof snapshots->stored.hash) == 0;
}

void snapshots_tick(struct snapshots *snapshots)
{
    const struct keeper *keeper = snapshots->keeper;

    /* Nothing is signed of a log that the token does not know, nor ahead of its checkpoint. */
    if (snapshots->table == NULL || snapshots->is_outdated || snapshots_is_damaged(snapshots) ||
        snapshots->is_busy || is_signed(snapshots) || !keeper->appliance.exists ||
        !anchor_is_checked(keeper->anchor) || !anchor_knows_key(keeper->anchor) ||
        lock_is_on(keeper) || restored_waits(keeper->restored) ||
        keeper->state.is_set[REASON_CATALOG_DIFFERS] || keeper->state.is_set[REASON_LOG_DAMAGED] ||
        log_has_failed(keeper->events) ||
        checkpoints_signed(keeper->checkpoints) < snapshots->size) {
        return;
    }
    if (sign(snapshots) != PS_OK) {
        ps_line(PS_DEBUG, "snapshot_waits", PS_STR("detail", ps_detail()->text));
    }
}
