#include "keystore/log/edge.h"

#include "keystore/log/internal.h"

enum ps_err log_load_edge(struct log *log, uint64_t size, struct merkle_edge *ret_edge)
{
    return tree_load_edge(&log->present, size, ret_edge);
}

/* Of what only this process holds; none of it comes from the disk of now. */
static struct merkle_hash root_in_memory(struct log *log)
{
    struct merkle_hash root;

    (void)pthread_mutex_lock(&log->writer->mutex);
    root = tiles_edge_root(log->end.edge);
    (void)pthread_mutex_unlock(&log->writer->mutex);
    return root;
}

bool log_is_at_rest(struct log *log)
{
    bool is_at_rest;

    (void)pthread_mutex_lock(&log->writer->mutex);
    is_at_rest = log->failed || (!log->working && log->queued.len == 0 && log->notes == NULL);
    (void)pthread_mutex_unlock(&log->writer->mutex);
    return is_at_rest;
}

enum ps_err log_check_edge(struct log *log, const struct merkle_edge *edge)
{
    struct merkle_proof proof;
    enum ps_err err;

    if (edge->size == 0) {
        return PS_OK;
    }
    /* Nothing is queued then and only this thread queues: the end stands still. */
    PS_TRY(log_sync(log));
    PS_TRY(tree_prove_consistency(&log->present, edge->size, log->present.size, &proof));
    err = merkle_verify_consistency(&proof, edge->size, merkle_edge_root(edge), log->present.size,
                                    root_in_memory(log));
    if (err == PS_E_DENIED) {
        return ps_fail(PS_E_INPUT, 0, "%s: the first %llu leaves are not what was recorded",
                       log->present.store->label, (unsigned long long)edge->size);
    }
    return err;
}
