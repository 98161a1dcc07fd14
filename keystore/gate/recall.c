#include "keystore/gate/recall.h"

#include "keystore/log/tree.h"

#include <stdlib.h>

#define REQUEST_ID_MAX 128u

struct recall {
    struct recalled *leaves[RECALL_MAX];
    size_t count;
};

enum ps_err recall_new(struct recall **ret_recall)
{
    *ret_recall = calloc(1, sizeof **ret_recall);
    return *ret_recall != NULL ? PS_OK : ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
}

static void free_leaf(struct recalled *leaf)
{
    if (leaf != NULL) {
        ps_buf_clear(&leaf->request_id);
        ps_buf_clear(&leaf->data);
        free(leaf);
    }
}
PS_DEFINE_CLEANUP(struct recalled, free_leaf)

void recall_free(struct recall *recall)
{
    if (recall == NULL) {
        return;
    }
    for (size_t i = 0; i < recall->count; i++) {
        free_leaf(recall->leaves[i]);
    }
    free(recall);
}

static enum ps_err copy(struct ps_bytes from, char *to, size_t size)
{
    if (from.len >= size) {
        return ps_fail(PS_E_INPUT, 0, "a text of %zu octets in a leaf", from.len);
    }
    if (from.len != 0) {
        memcpy(to, from.data, from.len);
    }
    to[from.len] = 0;
    return PS_OK;
}

enum ps_err recall_take(struct recall *recall, const struct recall_leaf *leaf)
{
    PS_CLEANUP(free_leaf_cleanup) struct recalled *taken = NULL;

    if (recall->count == RECALL_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "more than %u leaves of open operations", RECALL_MAX);
    }
    taken = calloc(1, sizeof *taken);
    if (taken == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    PS_TRY(copy(leaf->kind, taken->kind, sizeof taken->kind));
    PS_TRY(copy(leaf->operation, taken->operation, sizeof taken->operation));
    PS_TRY(copy(leaf->caller, taken->caller, sizeof taken->caller));
    ps_buf_init(&taken->request_id, REQUEST_ID_MAX);
    ps_buf_put(&taken->request_id, leaf->request_id);
    ps_buf_init(&taken->data, LOG_ENTRY_MAX);
    ps_buf_put(&taken->data, leaf->data);
    PS_TRY(ps_buf_status(&taken->request_id));
    PS_TRY(ps_buf_status(&taken->data));
    taken->time_ns = leaf->time_ns;
    recall->leaves[recall->count++] = taken;
    taken = NULL;
    return PS_OK;
}

void recall_forget(struct recall *recall, struct ps_bytes operation)
{
    size_t kept = 0;

    for (size_t i = 0; i < recall->count; i++) {
        if (ps_bytes_equal_str(operation, recall->leaves[i]->operation)) {
            free_leaf(recall->leaves[i]);
        } else {
            recall->leaves[kept++] = recall->leaves[i];
        }
    }
    recall->count = kept;
}

const struct recalled *recall_at(const struct recall *recall, size_t index)
{
    return index < recall->count ? recall->leaves[index] : NULL;
}
