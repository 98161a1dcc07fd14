#include "keystore/log/internal.h"
#include "keystore/log/shards.h"

#include <stdlib.h>

/* The trees of a log, for its readers, and their checkpoints. */

enum ps_err log_root(struct log *log, uint64_t size, struct merkle_hash *ret_root)
{
    return tree_root(&log->present, size, ret_root);
}

uint64_t log_tree_size(const struct log *log)
{
    return log->present.size;
}

uint64_t log_first(const struct log *log)
{
    return log->present.first;
}

struct ps_bytes log_checkpoint(const struct log *log)
{
    return ps_buf_bytes(&log->checkpoint);
}

enum ps_err log_read_entry(struct log *log, uint64_t index, struct ps_buf *out)
{
    return tree_read_entry(&log->present, index, out);
}

enum ps_err log_each_entry(struct log *log, uint64_t from, tree_leaf_fn *fn, void *context)
{
    return tree_each_entry(&log->present, from, fn, context);
}

enum ps_err log_read_tile(struct log *log, unsigned level, uint64_t index, unsigned width,
                          struct ps_buf *out)
{
    return tree_read_tile(&log->present, level, index, width, out);
}

enum ps_err log_read_bundle(struct log *log, uint64_t index, unsigned width, struct ps_buf *out)
{
    return tree_read_bundle(&log->present, index, width, out);
}

enum ps_err log_prove_inclusion(struct log *log, uint64_t leaf, uint64_t size,
                                struct merkle_proof *ret_proof)
{
    return tree_prove_inclusion(&log->present, leaf, size, ret_proof);
}

enum ps_err log_prove_consistency(struct log *log, uint64_t old, uint64_t size,
                                  struct merkle_proof *ret_proof)
{
    return tree_prove_consistency(&log->present, old, size, ret_proof);
}

const char *log_shard(const struct log *log)
{
    return log->present.store->name;
}

size_t log_shard_count(const struct log *log)
{
    size_t count = 0;

    for (const struct log_shard_node *at = log->shards; at != NULL; at = at->next) {
        count++;
    }
    return count;
}

enum ps_err log_shard_info(struct log *log, size_t at, struct tree_info *ret_info)
{
    const struct log_shard_node *node = log->shards;

    for (; node != NULL && at != 0; at--) {
        node = node->next;
    }
    if (node == NULL) {
        return ps_fail(PS_E_NOT_FOUND, 0, "no such shard");
    }
    *ret_info = node->info;
    return PS_OK;
}

static const struct log_shard_node *find_shard(const struct log *log, struct ps_bytes name)
{
    for (const struct log_shard_node *at = log->shards; at != NULL; at = at->next) {
        if (ps_bytes_equal_str(name, at->info.name)) {
            return at;
        }
    }
    return NULL;
}

static bool is_present(const struct log *log, struct ps_bytes name)
{
    return name.len == 0 || ps_bytes_equal_str(name, log->present.store->name);
}

static enum ps_err measure(const struct tree_info *info, struct tree *tree)
{
    if (info->pruned && tree->store->pruned) {
        tree->size = info->size;
        tree->pruned = info;
        return PS_OK;
    }
    if (tree->store->pruned) {
        return ps_fail(PS_E_STORAGE, 0, "%s/entries was removed", tree->store->label);
    }
    PS_TRY(shard_measure(tree->store, &tree->size, &tree->octets));
    if (tree->size != info->size) {
        return ps_fail(PS_E_STORAGE, 0, "%s has another size than it had", tree->store->label);
    }
    return PS_OK;
}

enum ps_err log_find_tree(struct log *log, struct ps_bytes shard, const struct tree **ret_tree)
{
    const struct log_shard_node *node = find_shard(log, shard);
    struct store_place place = {log->writer->io, log->directory, log->name, ""};
    struct tree tree;

    if (is_present(log, shard)) {
        *ret_tree = &log->present;
        return PS_OK;
    }
    if (node == NULL) {
        return ps_fail(PS_E_NOT_FOUND, 0, "no such shard");
    }
    if (log->found == NULL || strcmp(log->found->name, node->info.name) != 0) {
        store_free(log->found);
        log->found = NULL;
        place.name = node->info.name;
        PS_TRY(store_open_complete(&place, &log->found));
    }
    tree = (struct tree){.store = log->found, .places = &log->places, .first = node->info.first};
    PS_TRY(measure(&node->info, &tree));
    log->found_tree = tree;
    *ret_tree = &log->found_tree;
    return PS_OK;
}

/* The size of the checkpoint that a tree has, 0 when it has none. */
static enum ps_err covered_size(const struct log *log, const struct tree *tree, uint64_t *ret_size)
{
    PS_BUF_AUTO note;
    struct head head = {.size = 0};

    ps_buf_init(&note, HEAD_MAX + 1);
    if (tree == &log->present) {
        *ret_size = log->checkpoint_size;
        return PS_OK;
    }
    PS_TRY(tree_read_checkpoint(tree, &note));
    if (note.len != 0) {
        PS_TRY(head_parse(ps_buf_bytes(&note), &head));
    }
    *ret_size = head.size;
    return PS_OK;
}

static enum ps_err check_head(struct log *log, const struct head *head,
                              const struct tree **ret_tree)
{
    struct ps_bytes shard;
    struct merkle_hash root;
    uint64_t covered;

    PS_TRY(head_shard(head, log->name, log->sharded, &shard));
    PS_TRY(log_find_tree(log, shard, ret_tree));
    PS_TRY(covered_size(log, *ret_tree, &covered));
    if (head->size < covered) {
        return ps_fail(PS_E_INPUT, 0, "the checkpoint is older than the last one");
    }
    if (head->size > tree_size(*ret_tree)) {
        return ps_fail(PS_E_INPUT, 0, "the checkpoint covers more than is durable");
    }
    PS_TRY(tree_root(*ret_tree, head->size, &root));
    if (memcmp(&root, &head->root, sizeof root) != 0) {
        return ps_fail(PS_E_INPUT, 0, "the checkpoint's root is not the tree's");
    }
    return PS_OK;
}

/* NULL without memory. */
static struct log_note *new_note(const char *tree, struct ps_bytes text)
{
    struct log_note *note = calloc(1, sizeof *note);

    if (note == NULL) {
        return NULL;
    }
    memcpy(note->tree, tree, sizeof note->tree);
    ps_buf_init(&note->text, HEAD_MAX);
    ps_buf_put(&note->text, text);
    if (ps_buf_status(&note->text) != PS_OK) {
        writer_free_notes(note);
        return NULL;
    }
    return note;
}

/* With the mutex: puts a note in line, in place of an older one of the same tree. */
static void queue_note(struct log *log, struct log_note *note)
{
    for (struct log_note **at = &log->notes; *at != NULL; at = &(*at)->next) {
        if (strcmp((*at)->tree, note->tree) == 0) {
            struct log_note *older = *at;

            *at = older->next;
            older->next = NULL;
            writer_free_notes(older);
            break;
        }
    }
    note->next = log->notes;
    log->notes = note;
}

enum ps_err log_set_checkpoint(struct log *log, struct ps_bytes text)
{
    struct log_note *note;
    const struct tree *tree;
    struct head head;

    if (log_has_failed(log)) {
        return ps_fail(PS_E_STORAGE, 0, "the log has failed");
    }
    PS_TRY(head_parse(text, &head));
    PS_TRY(check_head(log, &head, &tree));
    note = new_note(tree->store->name, text);
    if (note == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    if (tree == &log->present) {
        ps_buf_reset(&log->checkpoint);
        ps_buf_put(&log->checkpoint, text);
        log->checkpoint_size = head.size;
    }
    (void)pthread_mutex_lock(&log->writer->mutex);
    queue_note(log, note);
    (void)pthread_mutex_unlock(&log->writer->mutex);
    ps_defer_arm(log->writer->wake_defer);
    return PS_OK;
}
