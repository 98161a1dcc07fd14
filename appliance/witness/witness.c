#include "appliance/witness/witness.h"

#include "appliance/witness/internal.h"
#include "lib/base/clock.h"
#include "lib/base/counted.h"
#include "lib/base/encode.h"
#include "lib/formats/tlog/proof_text.h"
#include "lib/system/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

/* What it knows of one tree; size 0 before the first checkpoint. */
struct seen {
    char path[WITNESS_PATH_MAX];
    uint64_t size;
    struct merkle_hash root;
};

static void unlock_directory(int *fd)
{
    (void)flock(*fd, LOCK_UN);
}

static enum ps_err put_path(const struct witness *witness, struct ps_bytes origin,
                            struct seen *seen)
{
    uint8_t id[PS_SHA256_LEN];
    PS_BUF_AUTO path = {.max = WITNESS_PATH_MAX};

    ps_sha256(origin, id);
    ps_buf_printf(&path, "%s/seen/", witness->directory);
    ps_buf_put_hex(&path, ps_bytes(id, sizeof id));
    ps_buf_put_u8(&path, '\0');
    PS_TRY(ps_buf_status(&path));
    memcpy(seen->path, path.data, path.len);
    return PS_OK;
}

/* A file that is not what we wrote is not passed over: that would be a way to roll a log back. */
static enum ps_err load_seen(const struct witness *witness, struct ps_bytes origin,
                             struct seen *ret_seen)
{
    struct seen seen = {.size = 0, .root = merkle_empty_root()};
    struct cosignature cosignature;
    struct checkpoint checkpoint;
    PS_BUF_AUTO note = {.max = 0};
    enum ps_err err;

    PS_TRY(put_path(witness, origin, &seen));
    err = file_read(seen.path, NOTE_OCTETS_MAX, &note);
    if (err == PS_E_NOT_FOUND) {
        *ret_seen = seen;
        return PS_OK;
    }
    PS_TRY(err);
    PS_TRY(cosignature_open(ps_buf_bytes(&note), &witness->key, &cosignature));
    PS_TRY(checkpoint_peek(ps_buf_bytes(&note), &checkpoint));
    if (!ps_bytes_equal(checkpoint.origin, origin)) {
        return ps_fail(PS_E_INPUT, 0, "%s is about another tree", seen.path);
    }
    seen.size = checkpoint.size;
    seen.root = checkpoint.root;
    *ret_seen = seen;
    return PS_OK;
}

/* With the log's signature: who is given the file knows by it that the log signed for that much. */
static enum ps_err keep_seen(const struct witness *witness, const struct seen *seen,
                             struct ps_buf *note, struct ps_bytes line)
{
    ps_buf_put(note, line);
    PS_TRY(ps_buf_status(note));
    PS_TRY(file_write(seen->path, ps_buf_bytes(note), 0644));
    return fsync(witness->seen_fd) == 0 ? PS_OK : ps_fail_errno(PS_E_STORAGE, "%s", seen->path);
}

/* The text of the note, which is all that is cosigned of it. */
static enum ps_err cosign(const struct witness *witness, struct ps_bytes text, struct ps_buf *line)
{
    const uint64_t now_s = ps_clock_real_ns() / PS_NS_PER_S;
    struct cosignature cosignature;
    uint8_t signature[64];
    PS_BUF_AUTO message = {.max = 2 * NOTE_OCTETS_MAX};

    cosignature_put_message(text, now_s, &message);
    PS_TRY(ps_buf_status(&message));
    PS_TRY(witness_key_sign(witness->secret, ps_buf_bytes(&message), signature));
    cosignature_make(now_s, signature, &cosignature);
    cosignature_put(&witness->key, &cosignature, line);
    return ps_buf_status(line);
}

static enum witness_verdict conflict(const struct seen *seen, struct ps_buf *out)
{
    (void)ps_fail(PS_E_CONFLICT, 0, "it last cosigned this tree with %s",
                  ps_counted(seen->size, "leaf", "leaves").text);
    ps_buf_put_decimal(out, seen->size);
    ps_buf_put_u8(out, '\n');
    return WITNESS_OTHER_SIZE;
}

/* In the order of C2SP tlog-witness. */
static enum witness_verdict judge(const struct witness *witness,
                                  const struct witness_request *request,
                                  const struct checkpoint *checkpoint, struct seen *seen,
                                  struct ps_buf *out)
{
    if (request->old > checkpoint->size) {
        (void)ps_fail(PS_E_INPUT, 0, "the old size is larger than the checkpoint's");
        return WITNESS_MALFORMED;
    }
    if (load_seen(witness, checkpoint->origin, seen) != PS_OK) {
        return WITNESS_FAILED;
    }
    if (request->old != seen->size ||
        (request->old == checkpoint->size && request->old != 0 &&
         memcmp(&seen->root, &checkpoint->root, sizeof seen->root) != 0)) {
        return conflict(seen, out);
    }
    if (merkle_verify_consistency(&request->proof, request->old, seen->root, checkpoint->size,
                                  checkpoint->root) != PS_OK) {
        (void)ps_fail(PS_E_DENIED, 0, "what it saw before is not the beginning of this tree");
        return WITNESS_INCONSISTENT;
    }
    return WITNESS_COSIGNED;
}

/* `ret_note`: gets it with the log's signature, and nobody else's. */
static enum witness_verdict open_checkpoint(const struct witness *witness, struct ps_bytes note,
                                            struct checkpoint *ret_checkpoint,
                                            struct ps_buf *ret_note)
{
    struct checkpoint peeked;
    struct note_key key;

    if (checkpoint_peek(note, &peeked) != PS_OK) {
        return WITNESS_MALFORMED;
    }
    if (witness_find_log(witness, peeked.origin, &key) != PS_OK) {
        return WITNESS_UNKNOWN;
    }
    if (checkpoint_open(note, &key, ret_checkpoint) != PS_OK) {
        return WITNESS_NOT_SIGNED;
    }
    return note_put_signed(note, &key, ret_note) == PS_OK ? WITNESS_COSIGNED : WITNESS_FAILED;
}

enum witness_verdict witness_add_checkpoint(struct witness *witness, struct ps_bytes request,
                                            struct ps_buf *out)
{
    struct witness_request parsed;
    struct checkpoint checkpoint;
    struct seen seen;
    enum witness_verdict verdict;
    PS_BUF_AUTO note = {.max = NOTE_OCTETS_MAX};
    PS_BUF_AUTO line = {.max = NOTE_OCTETS_MAX};
    PS_BUF_AUTO text = {.max = NOTE_OCTETS_MAX};
    PS_CLEANUP(unlock_directory) int locked = witness->seen_fd;

    if (flock(locked, LOCK_EX) != 0) {
        (void)ps_fail_errno(PS_E_STORAGE, "%s", witness->directory);
        return WITNESS_FAILED;
    }
    if (witness_request_parse(request, &parsed) != PS_OK) {
        return WITNESS_MALFORMED;
    }
    verdict = open_checkpoint(witness, parsed.checkpoint, &checkpoint, &note);
    if (verdict == WITNESS_COSIGNED) {
        verdict = judge(witness, &parsed, &checkpoint, &seen, out);
    }
    if (verdict != WITNESS_COSIGNED) {
        return verdict;
    }
    if (checkpoint_put(&checkpoint, &text) != PS_OK ||
        cosign(witness, ps_buf_bytes(&text), &line) != PS_OK ||
        keep_seen(witness, &seen, &note, ps_buf_bytes(&line)) != PS_OK) {
        return WITNESS_FAILED;
    }
    ps_buf_put(out, ps_buf_bytes(&line));
    return ps_buf_status(out) == PS_OK ? WITNESS_COSIGNED : WITNESS_FAILED;
}
