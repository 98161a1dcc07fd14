#include "lib/ceremony/log/proof.h"

#include "lib/base/counted.h"
#include "lib/ceremony/log/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Files of one tree, up to the size of its checkpoint. */
struct proving {
    struct log_files *files;
    struct ps_buf note;
    struct checkpoint checkpoint;
    uint64_t stored;                      /* leaves that the files have hashes of */
    struct merkle_hash tile[TILES_WIDTH]; /* that was read last */
};

static void proving_free(struct proving *proving)
{
    if (proving != NULL) {
        log_files_free(proving->files);
        ps_buf_clear(&proving->note);
        free(proving);
    }
}
PS_DEFINE_CLEANUP(struct proving, proving_free)

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
}

static enum ps_err open_tree(struct proving *proving, const char *directory, const char *tree)
{
    PS_CLEANUP(close_fd) int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    ps_buf_init(&proving->note, LOG_NOTE_MAX + 1);
    if (fd < 0) {
        return ps_fail_errno(errno == ENOENT ? PS_E_NOT_FOUND : PS_E_STORAGE, "%s", directory);
    }
    PS_TRY(log_files_open(fd, tree, tree, &proving->files));
    PS_TRY(log_files_read_checkpoint(proving->files, &proving->note));
    if (proving->note.len == 0) {
        return ps_fail(PS_E_NOT_FOUND, 0, "%s has no checkpoint", tree);
    }
    PS_TRY(checkpoint_peek(ps_buf_bytes(&proving->note), &proving->checkpoint));
    PS_TRY(log_files_find_size(proving->files, proving->checkpoint.size, &proving->stored));
    log_files_expect(proving->files, proving->stored);
    return PS_OK;
}

/* A full subtree of 2^level leaves, from the tile that has its hashes. */
static enum ps_err read_hash(void *context, unsigned level, uint64_t index,
                             struct merkle_hash *ret_hash)
{
    struct proving *proving = context;
    const unsigned tile_level = level / 8;
    const uint64_t span = UINT64_C(1) << level % 8;
    const uint64_t first = index * span;
    const uint64_t tile = first / TILES_WIDTH;
    struct merkle_edge edge = {.size = 0};
    struct log_place place;
    uint64_t width;
    unsigned got = 0;

    /* Above the highest stored level a subtree is many hashes of it: a tree that no disk holds. */
    if (tile_level >= TILES_LEVELS) {
        return ps_fail(PS_E_LIMIT, 0, "a tree larger than any");
    }
    width = tiles_count(proving->stored, tile_level) - tile * TILES_WIDTH;
    width = width < TILES_WIDTH ? width : TILES_WIDTH;
    PS_TRY(log_files_read_tile(proving->files, tile_level, tile, (unsigned)width, proving->tile,
                               &got, &place));
    if (got != width) {
        return ps_fail(PS_E_INPUT, 0, "%s does not have the hashes of %s", place.file,
                       ps_counted(proving->checkpoint.size, "leaf", "leaves").text);
    }
    for (uint64_t i = 0; i < span; i++) {
        merkle_edge_append(&edge, proving->tile[first % TILES_WIDTH + i]);
    }
    *ret_hash = merkle_edge_root(&edge);
    return PS_OK;
}

static enum ps_err read_leaf(const struct proving *proving, uint64_t leaf,
                             struct ps_bytes *ret_leaf)
{
    struct log_place place = {.offset = 0};
    enum log_step step = LOG_STEP_LEAF;

    PS_TRY(log_files_seek(proving->files, leaf / TILES_WIDTH));
    for (uint64_t at = leaf / TILES_WIDTH * TILES_WIDTH; at <= leaf; at++) {
        PS_TRY(log_files_next(proving->files, &step, ret_leaf, &place));
        if (step != LOG_STEP_LEAF) {
            return ps_fail(PS_E_INPUT, 0, "%s: no leaf at octet %llu", place.file,
                           (unsigned long long)place.offset);
        }
    }
    return PS_OK;
}

/* What is given out has to hold for whoever gets it. */
static enum ps_err check(const struct proving *proving, const struct tlog_proof *proof)
{
    if (merkle_verify_inclusion(&proof->path, merkle_leaf_hash(proof->extra), proof->index,
                                proving->checkpoint.size, proving->checkpoint.root) != PS_OK) {
        return ps_fail(PS_E_INPUT, 0,
                       "%s: the files contradict its checkpoint; `privyseal log verify` says where",
                       log_files_label(proving->files));
    }
    return PS_OK;
}

enum ps_err log_prove(const char *directory, const char *tree, uint64_t leaf, struct ps_buf *out)
{
    PS_CLEANUP(proving_free_cleanup) struct proving *proving = calloc(1, sizeof *proving);
    const struct merkle_source source = {.read_hash = read_hash, .context = proving};
    struct tlog_proof proof = {.index = leaf};

    if (proving == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    PS_TRY(open_tree(proving, directory, tree));
    if (leaf >= proving->checkpoint.size) {
        return ps_fail(PS_E_NOT_FOUND, 0, "%s: the checkpoint covers %s, from 0 on", tree,
                       ps_counted(proving->checkpoint.size, "leaf", "leaves").text);
    }
    PS_TRY(read_leaf(proving, leaf, &proof.extra));
    PS_TRY(merkle_prove_inclusion(&source, leaf, proving->checkpoint.size, &proof.path));
    PS_TRY(check(proving, &proof));
    proof.checkpoint = ps_buf_bytes(&proving->note);
    tlog_proof_put(&proof, out);
    return ps_buf_status(out);
}

static enum ps_err open_checkpoint(const struct tlog_proof *proof, const struct log_trust *trust,
                                   struct checkpoint *ret_checkpoint)
{
    struct checkpoint peeked;
    struct note_key key;

    PS_TRY(checkpoint_peek(proof->checkpoint, &peeked));
    if (log_key_of_origin(&trust->key, peeked.origin, &key) != PS_OK) {
        return ps_fail(PS_E_DENIED, 0, "its checkpoint is of another log: %.*s",
                       PS_BYTES_FMT(peeked.origin));
    }
    return checkpoint_open(proof->checkpoint, &key, ret_checkpoint);
}

enum ps_err log_proof_verify(struct ps_bytes text, const struct log_trust *trust,
                             struct ps_buf *leaf, struct log_proven *ret_proven)
{
    struct log_proven proven = {.index = 0};
    struct checkpoint checkpoint;
    struct tlog_proof proof;

    PS_TRY(tlog_proof_parse(text, leaf, &proof));
    if (proof.extra.len == 0) {
        return ps_fail(PS_E_INPUT, 0, "proof: the leaf is not in it");
    }
    PS_TRY(open_checkpoint(&proof, trust, &checkpoint));
    if (merkle_verify_inclusion(&proof.path, merkle_leaf_hash(proof.extra), proof.index,
                                checkpoint.size, checkpoint.root) != PS_OK) {
        return ps_fail(PS_E_DENIED, 0, "the leaf in it is not leaf %llu of the tree in it",
                       (unsigned long long)proof.index);
    }
    proven = (struct log_proven){
        .origin = checkpoint.origin,
        .leaf = proof.extra,
        .index = proof.index,
        .size = checkpoint.size,
    };
    proven.witnesses =
        log_witnesses_count(&trust->witnesses, proof.checkpoint, &proven.witnessed_s);
    if (proven.witnesses < trust->witnesses.needed) {
        return ps_fail(PS_E_DENIED, 0, "%u of the witnesses cosigned it, and %u have to",
                       proven.witnesses, trust->witnesses.needed);
    }
    *ret_proven = proven;
    return PS_OK;
}
