#include "keystore/catalog/backend.h"

#include "keystore/catalog/internal.h"
#include "keystore/catalog/ordered.h"

#include <stdlib.h>

/* A row, or a remembered answer under its caller and key. */
struct stored {
    union {
        struct catalog_row row;
        struct catalog_answer answer;
    };
    uint8_t octets[];
};

struct memory {
    struct ordered rows[CATALOG_KIND_COUNT];
    struct ordered answers;
};

/* One node for another in a list; what is to be removed or added may be NULL. */
struct step {
    struct ordered *list;
    struct ordered_node *removed;
    struct ordered_node *added;
};

static void free_node(struct ordered_node *node)
{
    if (node != NULL) {
        free(node->value);
        ordered_node_free(node);
    }
}

static struct ps_bytes place(struct stored *stored, size_t *at, struct ps_bytes octets)
{
    struct ps_bytes copy = ps_bytes(stored->octets + *at, octets.len);

    if (octets.len != 0) {
        memcpy(stored->octets + *at, octets.data, octets.len);
    }
    *at += octets.len;
    return copy;
}

static enum ps_err new_node(struct ordered *list, struct ps_bytes name, struct stored *stored,
                            struct ordered_node **ret_node)
{
    struct ordered_node *node = stored == NULL ? NULL : ordered_node_new(list, name, stored);

    if (node == NULL) {
        free(stored);
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    *ret_node = node;
    return PS_OK;
}

static enum ps_err new_row(struct ordered *list, const struct catalog_change *change,
                           uint64_t event, struct ordered_node **ret_node)
{
    struct stored *stored = calloc(1, sizeof *stored + change->name.len + change->body.len);
    size_t at = 0;

    if (stored == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    stored->row = (struct catalog_row){
        .kind = change->kind,
        .revision = change->expected + 1,
        .event = catalog_event_of(change->kind, event),
    };
    stored->row.name = place(stored, &at, change->name);
    stored->row.body = place(stored, &at, change->body);
    return new_node(list, stored->row.name, stored, ret_node);
}

/* Caller and key in one name, told apart by the caller's length. */
static size_t put_answer_name(struct ps_bytes caller, struct ps_bytes key,
                              uint8_t out[2 + 2 * CATALOG_ANSWER_KEY_MAX])
{
    out[0] = (uint8_t)(caller.len >> 8);
    out[1] = (uint8_t)caller.len;
    if (caller.len != 0) {
        memcpy(out + 2, caller.data, caller.len);
    }
    if (key.len != 0) {
        memcpy(out + 2 + caller.len, key.data, key.len);
    }
    return 2 + caller.len + key.len;
}

static enum ps_err new_answer(struct ordered *list, const struct catalog_answer *answer,
                              struct ordered_node **ret_node)
{
    uint8_t name[2 + 2 * CATALOG_ANSWER_KEY_MAX];
    const size_t len = put_answer_name(answer->caller, answer->key, name);
    struct stored *stored =
        calloc(1, sizeof *stored + len + answer->body_hash.len + answer->answer.len);
    struct ps_bytes copy;
    size_t at = 0;

    if (stored == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    stored->answer = *answer;
    copy = place(stored, &at, ps_bytes(name, len));
    stored->answer.caller = ps_bytes(copy.data + 2, answer->caller.len);
    stored->answer.key = ps_bytes_from(copy, 2 + answer->caller.len);
    stored->answer.body_hash = place(stored, &at, answer->body_hash);
    stored->answer.answer = place(stored, &at, answer->answer);
    return new_node(list, copy, stored, ret_node);
}

static const struct catalog_row *row_of(const struct ordered_node *node)
{
    return &((const struct stored *)node->value)->row;
}

static const struct catalog_answer *answer_of(const struct ordered_node *node)
{
    return &((const struct stored *)node->value)->answer;
}

static struct ordered_node *find_answer(struct memory *memory, struct ps_bytes caller,
                                        struct ps_bytes key)
{
    uint8_t name[2 + 2 * CATALOG_ANSWER_KEY_MAX];

    if (caller.len > CATALOG_ANSWER_KEY_MAX || key.len > CATALOG_ANSWER_KEY_MAX) {
        return NULL;
    }
    return ordered_find(&memory->answers, ps_bytes(name, put_answer_name(caller, key, name)));
}

static enum ps_err memory_get(void *backend, enum catalog_kind kind, struct ps_bytes name,
                              struct ps_buf *memory, struct catalog_row *ret_row)
{
    struct memory *rows = backend;
    const struct ordered_node *node = ordered_find(&rows->rows[kind], name);

    if (node == NULL) {
        return catalog_fail_not_found(kind, name);
    }
    return catalog_copy_row(row_of(node), memory, ret_row);
}

static enum ps_err memory_list(void *backend, enum catalog_kind kind, struct ps_bytes after,
                               uint32_t limit, catalog_row_fn *fn, void *context)
{
    struct memory *memory = backend;
    const struct ordered_node *node = ordered_after(&memory->rows[kind], after);

    for (uint32_t i = 0; i < limit && node != NULL; i++) {
        PS_TRY(fn(context, row_of(node)));
        node = node->next[0];
    }
    return PS_OK;
}

/* Checks a change and makes what it needs; nothing is in a list yet. */
static enum ps_err prepare_row(struct memory *memory, const struct catalog_change *change,
                               uint64_t event, struct step *step)
{
    struct ordered *list = &memory->rows[change->kind];

    step->list = list;
    step->removed = ordered_find(list, change->name);
    if ((step->removed == NULL ? 0 : row_of(step->removed)->revision) != change->expected) {
        return catalog_fail_conflict(change);
    }
    return change->body.len == 0 ? PS_OK : new_row(list, change, event, &step->added);
}

static enum ps_err prepare_answer(struct memory *memory, const struct catalog_answer *answer,
                                  struct step *step)
{
    step->list = &memory->answers;
    step->removed = find_answer(memory, answer->caller, answer->key);
    if (step->removed != NULL &&
        (answer_of(step->removed)->status != 0 ||
         !ps_bytes_equal(answer_of(step->removed)->body_hash, answer->body_hash))) {
        return catalog_fail_answer();
    }
    return new_answer(&memory->answers, answer, &step->added);
}

static enum ps_err prepare(struct memory *memory, const struct catalog_change *changes,
                           size_t count, uint64_t event, struct step *steps)
{
    for (size_t i = 0; i < count; i++) {
        PS_TRY(prepare_row(memory, &changes[i], event, &steps[i]));
    }
    return PS_OK;
}

static void take(const struct step *step)
{
    if (step->removed != NULL) {
        ordered_unlink(step->list, step->removed);
        free_node(step->removed);
    }
    if (step->added != NULL) {
        ordered_link(step->list, step->added);
    }
}

static enum ps_err memory_apply(void *backend, const struct catalog_change *changes, size_t count,
                                uint64_t event, const struct catalog_answer *answer)
{
    struct memory *memory = backend;
    struct step *steps = calloc(count + 1, sizeof *steps);
    enum ps_err err;

    if (steps == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    err = prepare(memory, changes, count, event, steps);
    if (err == PS_OK && answer != NULL) {
        err = prepare_answer(memory, answer, &steps[count]);
    }
    for (size_t i = 0; i <= count; i++) {
        if (err == PS_OK) {
            take(&steps[i]);
        } else {
            free_node(steps[i].added);
        }
    }
    free(steps);
    return err;
}

static enum ps_err memory_keep(void *backend, const struct catalog_row *row)
{
    struct memory *memory = backend;
    const struct catalog_change change = {
        .kind = row->kind, .name = row->name, .expected = row->revision - 1, .body = row->body};
    struct step step = {.list = &memory->rows[row->kind]};

    if (ordered_find(step.list, row->name) != NULL) {
        return catalog_fail_conflict(&change);
    }
    PS_TRY(new_row(step.list, &change, row->event, &step.added));
    take(&step);
    return PS_OK;
}

static void drop_answer(struct memory *memory, struct ordered_node *node)
{
    take(&(struct step){.list = &memory->answers, .removed = node});
}

static enum ps_err memory_get_answer(void *backend, struct ps_bytes caller, struct ps_bytes key,
                                     uint64_t now_ns, struct ps_buf *memory,
                                     struct catalog_answer *ret_answer)
{
    struct ordered_node *node = find_answer(backend, caller, key);

    if (node != NULL && answer_of(node)->expires_ns <= now_ns) {
        drop_answer(backend, node);
        node = NULL;
    }
    if (node == NULL) {
        return ps_fail(PS_E_NOT_FOUND, 0, "no answer to this Idempotency-Key");
    }
    return catalog_copy_answer(answer_of(node), memory, ret_answer);
}

static enum ps_err memory_begin_answer(void *backend, const struct catalog_answer *answer)
{
    struct memory *memory = backend;
    struct step step = {.list = &memory->answers};

    if (find_answer(memory, answer->caller, answer->key) != NULL) {
        return catalog_fail_answer();
    }
    PS_TRY(new_answer(&memory->answers, answer, &step.added));
    take(&step);
    return PS_OK;
}

static enum ps_err memory_forget_answer(void *backend, struct ps_bytes caller, struct ps_bytes key)
{
    struct ordered_node *node = find_answer(backend, caller, key);

    if (node != NULL && answer_of(node)->status == 0) {
        drop_answer(backend, node);
    }
    return PS_OK;
}

static void drop_answers(struct memory *memory, uint64_t now_ns, bool in_flight)
{
    struct ordered_node *node = memory->answers.first[0];

    while (node != NULL) {
        struct ordered_node *next = node->next[0];

        if (answer_of(node)->expires_ns <= now_ns || (in_flight && answer_of(node)->status == 0)) {
            drop_answer(memory, node);
        }
        node = next;
    }
}

static enum ps_err memory_sweep_answers(void *backend, uint64_t now_ns)
{
    drop_answers(backend, now_ns, true);
    return PS_OK;
}

static enum ps_err memory_expire_answers(void *backend, uint64_t now_ns)
{
    drop_answers(backend, now_ns, false);
    return PS_OK;
}

static enum ps_err memory_check_alive(void *backend)
{
    (void)backend;
    return PS_OK;
}

static enum ps_err memory_data_version(void *backend, uint64_t *ret_version)
{
    (void)backend;
    *ret_version = 1;
    return PS_OK;
}

static void free_list(struct ordered *list)
{
    struct ordered_node *node = list->first[0];

    while (node != NULL) {
        struct ordered_node *next = node->next[0];

        free_node(node);
        node = next;
    }
}

static void memory_close(void *backend)
{
    struct memory *memory = backend;

    for (size_t i = 0; i < CATALOG_KIND_COUNT; i++) {
        free_list(&memory->rows[i]);
    }
    free_list(&memory->answers);
    free(memory);
}

static const struct catalog_ops memory_ops = {
    .name = "memory",
    .get = memory_get,
    .list = memory_list,
    .apply = memory_apply,
    .keep = memory_keep,
    .get_answer = memory_get_answer,
    .begin_answer = memory_begin_answer,
    .forget_answer = memory_forget_answer,
    .sweep_answers = memory_sweep_answers,
    .expire_answers = memory_expire_answers,
    .check_alive = memory_check_alive,
    .data_version = memory_data_version,
    .close = memory_close,
};

enum ps_err catalog_memory_open(const struct catalog_ops **ret_ops, void **ret_backend)
{
    struct memory *memory = calloc(1, sizeof *memory);

    if (memory == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    *ret_ops = &memory_ops;
    *ret_backend = memory;
    return PS_OK;
}
