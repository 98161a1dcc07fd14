#include "keystore/log/prune.h"

#include "keystore/log/internal.h"

static struct log_shard_node *find_shard(const struct log *log, struct ps_bytes name)
{
    struct log_shard_node *node = log->shards;

    while (node != NULL && !ps_bytes_equal_str(name, node->info.name)) {
        node = node->next;
    }
    return node;
}

enum ps_err log_shard_covered(struct log *log, struct ps_bytes shard, uint64_t *ret_size)
{
    const struct tree *tree;
    struct head head = {.size = 0};
    PS_BUF_AUTO note = {.max = HEAD_MAX + 1};

    PS_TRY(log_find_tree(log, shard, &tree));
    PS_TRY(tree_read_checkpoint(tree, &note));
    if (note.len != 0) {
        PS_TRY(head_parse(ps_buf_bytes(&note), &head));
    }
    *ret_size = head.size;
    return PS_OK;
}

enum ps_err log_prune_shard(struct log *log, struct ps_bytes name)
{
    struct log_shard_node *node = find_shard(log, name);
    struct store_place place = {log->writer->io, log->directory, log->name, ""};
    PS_CLEANUP(store_free_cleanup) struct store *store = NULL;
    uint64_t covered;

    if (node == NULL) {
        return ps_fail(PS_E_NOT_FOUND, 0, "no such shard");
    }
    PS_TRY(log_shard_covered(log, name, &covered));
    if (covered != node->info.size) {
        return ps_fail(PS_E_STATE, 0, "the checkpoint of %s does not cover all of it",
                       node->info.name);
    }
    place.name = node->info.name;
    PS_TRY(store_open_complete(&place, &store));
    store_free(log->found);
    log->found = NULL;
    node->info.pruned = true;
    return store_prune(store);
}
