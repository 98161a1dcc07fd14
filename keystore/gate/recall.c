#include "keystore/gate/recall.h"

#include "keystore/log/tree.h"
#include "keystore/snapshot/saved.h"

#include <stdio.h>
#include <stdlib.h>

#define REQUEST_ID_MAX 128u

struct recall {
    struct recalled *leaves[RECALL_MAX];
    size_t count;
    struct recalled_end ends[RECALL_ENDS]; /* a ring */
    size_t end_count;                      /* ever */
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

void recall_clear(struct recall *recall)
{
    for (size_t i = 0; i < recall->count; i++) {
        free_leaf(recall->leaves[i]);
    }
    recall->count = 0;
}

const struct recalled *recall_at(const struct recall *recall, size_t index)
{
    return index < recall->count ? recall->leaves[index] : NULL;
}

void recall_note_end(struct recall *recall, struct ps_bytes operation, struct ps_bytes outcome)
{
    struct recalled_end *end = &recall->ends[recall->end_count++ % RECALL_ENDS];

    (void)snprintf(end->operation, sizeof end->operation, "%.*s", PS_BYTES_FMT(operation));
    (void)snprintf(end->outcome, sizeof end->outcome, "%.*s", PS_BYTES_FMT(outcome));
}

const struct recalled_end *recall_end_at(const struct recall *recall, size_t index)
{
    return index < recall->end_count && index < RECALL_ENDS ? &recall->ends[index] : NULL;
}

static void save_leaf(const struct recalled *leaf, struct ps_buf *out)
{
    saved_put(out, ps_bytes_str(leaf->kind));
    saved_put(out, ps_bytes_str(leaf->operation));
    saved_put(out, ps_bytes_str(leaf->caller));
    saved_put(out, ps_buf_bytes(&leaf->request_id));
    ps_buf_put_u64(out, leaf->time_ns);
    saved_put(out, ps_buf_bytes(&leaf->data));
}

/* The ends go from the oldest to the newest. */
void recall_save(const struct recall *recall, struct ps_buf *out)
{
    const size_t ends = recall->end_count < RECALL_ENDS ? recall->end_count : RECALL_ENDS;

    ps_buf_put_u32(out, (uint32_t)recall->count);
    for (size_t i = 0; i < recall->count; i++) {
        save_leaf(recall->leaves[i], out);
    }
    ps_buf_put_u32(out, (uint32_t)ends);
    for (size_t i = recall->end_count - ends; i < recall->end_count; i++) {
        saved_put(out, ps_bytes_str(recall->ends[i % RECALL_ENDS].operation));
        saved_put(out, ps_bytes_str(recall->ends[i % RECALL_ENDS].outcome));
    }
}

static enum ps_err resume_leaf(struct recall *recall, struct ps_reader *reader)
{
    struct recall_leaf leaf = {.kind = saved_take(reader)};

    leaf.operation = saved_take(reader);
    leaf.caller = saved_take(reader);
    leaf.request_id = saved_take(reader);
    leaf.time_ns = ps_reader_u64(reader);
    leaf.data = saved_take(reader);
    return recall_take(recall, &leaf);
}

enum ps_err recall_resume(struct recall *recall, struct ps_reader *reader)
{
    const uint32_t count = ps_reader_u32(reader);
    uint32_t ends;

    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        PS_TRY(resume_leaf(recall, reader));
    }
    ends = ps_reader_u32(reader);
    for (uint32_t i = 0; i < ends && !reader->failed; i++) {
        const struct ps_bytes operation = saved_take(reader);

        recall_note_end(recall, operation, saved_take(reader));
    }
    return PS_OK;
}
