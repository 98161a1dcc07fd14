#include "keystore/log/edge.h"

#include "keystore/log/internal.h"

enum ps_err log_load_edge(struct log *log, uint64_t size, struct merkle_edge *ret_edge)
{
    return tree_load_edge(&log->present, size, ret_edge);
}

enum ps_err log_check_edge(struct log *log, const struct merkle_edge *edge)
{
    struct merkle_proof proof;
    enum ps_err err;

    if (edge->size == 0) {
        return PS_OK;
    }
    PS_TRY(tree_prove_consistency(&log->present, edge->size, log->present.size, &proof));
    err = merkle_verify_consistency(&proof, edge->size, merkle_edge_root(edge), log->present.size,
                                    log->present_root);
    if (err == PS_E_DENIED) {
        return ps_fail(PS_E_INPUT, 0, "%s: the first %llu leaves are not what was recorded",
                       log->present.store->label, (unsigned long long)edge->size);
    }
    return err;
}
