#include "keystore/log/walk.h"

#include "keystore/log/internal.h"
#include "keystore/log/record.h"

#include <stdlib.h>

struct log_walk {
    struct record *record;
    const struct store *store;
    struct merkle_edge edge;
    struct merkle_hash root;
    uint64_t end;
};

enum ps_err log_walk_new(struct log *log, struct log_walk **ret_walk)
{
    PS_CLEANUP(log_walk_free_cleanup) struct log_walk *walk = calloc(1, sizeof *walk);
    const struct tree *tree = &log->present;
    struct head head;

    if (walk == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    if (log->checkpoint.len == 0) {
        return ps_fail(PS_E_NOT_FOUND, 0, "nobody has signed for the log yet");
    }
    PS_TRY(head_parse(ps_buf_bytes(&log->checkpoint), &head));
    walk->store = tree->store;
    walk->end = head.size;
    walk->root = head.root;
    PS_TRY(record_new(tree->store->fds[STORE_ENTRIES], tree->store->label, 0, tree->octets,
                      &walk->record));
    *ret_walk = walk;
    walk = NULL;
    return PS_OK;
}

void log_walk_free(struct log_walk *walk)
{
    if (walk == NULL) {
        return;
    }
    record_free(walk->record);
    free(walk);
}

/* The hash beside the leaf tells which of the two was changed, if it was one of them alone. */
static enum ps_err add_next(struct log_walk *walk)
{
    const uint64_t index = walk->edge.size;
    struct merkle_hash computed;
    struct merkle_hash stored;
    enum record_step step;
    struct ps_bytes leaf;

    PS_TRY(record_next(walk->record, &step, &leaf));
    if (step != RECORD_LEAF) {
        return ps_fail(PS_E_INPUT, 0, "%s/entries: no leaf at octet %llu", walk->store->label,
                       (unsigned long long)record_offset(walk->record));
    }
    computed = merkle_leaf_hash(leaf);
    PS_TRY(store_read_hashes(walk->store, 0, index, 1, &stored));
    if (memcmp(&computed, &stored, sizeof stored) != 0) {
        return ps_fail(PS_E_INPUT, 0, "%s/entries: leaf %llu is not what was recorded",
                       walk->store->label, (unsigned long long)index);
    }
    merkle_edge_append(&walk->edge, computed);
    return PS_OK;
}

enum ps_err log_walk_step(struct log_walk *walk, uint64_t octets, bool *ret_done)
{
    const uint64_t until = record_offset(walk->record) + octets;
    struct merkle_hash root;

    while (walk->edge.size < walk->end && record_offset(walk->record) < until) {
        PS_TRY(add_next(walk));
    }
    *ret_done = walk->edge.size == walk->end;
    if (!*ret_done) {
        return PS_OK;
    }
    root = merkle_edge_root(&walk->edge);
    if (memcmp(&root, &walk->root, sizeof root) != 0) {
        return ps_fail(PS_E_INPUT, 0, "%s: the first %llu leaves are not those of the checkpoint",
                       walk->store->label, (unsigned long long)walk->end);
    }
    return PS_OK;
}

uint64_t log_walk_done(const struct log_walk *walk)
{
    return walk->edge.size;
}

uint64_t log_walk_all(const struct log_walk *walk)
{
    return walk->end;
}
