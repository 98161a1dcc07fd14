#include "keystore/catalog/catalog.h"

#include "keystore/catalog/internal.h"
#include "lib/base/hash.h"

#include <assert.h>
#include <stdlib.h>

static enum ps_err fill(struct catalog *catalog, const char *path)
{
    PS_TRY(json_new(&catalog->bodies));
    PS_TRY(json_new(&catalog->effects));
    if (path == NULL) {
        return catalog_memory_open(&catalog->ops, &catalog->backend);
    }
    return catalog_sqlite_open(path, &catalog->ops, &catalog->backend);
}

static enum ps_err open_catalog(const char *path, struct catalog **ret_catalog)
{
    PS_CLEANUP(catalog_close_cleanup) struct catalog *catalog = calloc(1, sizeof *catalog);

    if (catalog == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    PS_TRY(fill(catalog, path));
    *ret_catalog = catalog;
    catalog = NULL;
    return PS_OK;
}

enum ps_err catalog_open_sqlite(const char *path, struct catalog **ret_catalog)
{
    assert(path != NULL);
    return open_catalog(path, ret_catalog);
}

enum ps_err catalog_open_memory(struct catalog **ret_catalog)
{
    return open_catalog(NULL, ret_catalog);
}

enum ps_err catalog_open_over(const struct catalog_ops *ops, void *backend,
                              struct catalog **ret_catalog)
{
    PS_CLEANUP(catalog_close_cleanup) struct catalog *catalog = calloc(1, sizeof *catalog);

    if (catalog == NULL) {
        ops->close(backend);
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    catalog->ops = ops;
    catalog->backend = backend;
    PS_TRY(json_new(&catalog->bodies));
    PS_TRY(json_new(&catalog->effects));
    *ret_catalog = catalog;
    catalog = NULL;
    return PS_OK;
}

void catalog_close(struct catalog *catalog)
{
    if (catalog == NULL) {
        return;
    }
    assert(catalog->walks == 0);
    if (catalog->ops != NULL) {
        catalog->ops->close(catalog->backend);
    }
    json_free(catalog->bodies);
    json_free(catalog->effects);
    free(catalog);
}

const struct catalog_ops *catalog_ops(const struct catalog *catalog)
{
    return catalog->ops;
}

void *catalog_backend(const struct catalog *catalog)
{
    return catalog->backend;
}

enum ps_err catalog_get(struct catalog *catalog, enum catalog_kind kind, struct ps_bytes name,
                        struct ps_buf *memory, struct catalog_row *ret_row)
{
    PS_TRY(catalog_check_name(kind, name));
    return catalog->ops->get(catalog->backend, kind, name, memory, ret_row);
}

enum ps_err catalog_begin_reading(struct catalog *catalog)
{
    if (catalog->ops->begin_reading != NULL) {
        PS_TRY(catalog->ops->begin_reading(catalog->backend));
    }
    catalog->walks++;
    return PS_OK;
}

void catalog_end_reading(struct catalog *catalog)
{
    catalog->walks--;
    if (catalog->ops->end_reading != NULL) {
        catalog->ops->end_reading(catalog->backend);
    }
}

enum ps_err catalog_list(struct catalog *catalog, enum catalog_kind kind, struct ps_bytes after,
                         uint32_t limit, catalog_row_fn *fn, void *context)
{
    enum ps_err err;

    if (after.len > CATALOG_NAME_MAX) {
        return ps_fail(PS_E_INPUT, 0, "a name of more than %u octets", CATALOG_NAME_MAX);
    }
    catalog->walks++;
    err = catalog->ops->list(catalog->backend, kind, after, limit, fn, context);
    catalog->walks--;
    return err;
}

struct marking {
    catalog_mark_fn *fn;
    void *context;
};

static enum ps_err mark_row(void *context, const struct catalog_row *row)
{
    const struct marking *marking = context;
    struct catalog_mark mark = {
        .kind = row->kind, .name = row->name, .revision = row->revision, .event = row->event};

    ps_sha256(row->body, mark.hash);
    return marking->fn(marking->context, &mark);
}

enum ps_err catalog_list_marks(struct catalog *catalog, enum catalog_kind kind,
                               struct ps_bytes after, uint32_t limit, catalog_mark_fn *fn,
                               void *context)
{
    struct marking marking = {.fn = fn, .context = context};
    enum ps_err err;

    if (catalog->ops->list_marks == NULL) {
        return catalog_list(catalog, kind, after, limit, mark_row, &marking);
    }
    catalog->walks++;
    err = catalog->ops->list_marks(catalog->backend, kind, after, limit, fn, context);
    catalog->walks--;
    return err;
}

static enum ps_err check_answer(const struct catalog_answer *answer)
{
    if (answer->caller.len > CATALOG_ANSWER_KEY_MAX || answer->key.len > CATALOG_ANSWER_KEY_MAX ||
        answer->key.len == 0) {
        return ps_fail(PS_E_INPUT, 0, "an Idempotency-Key has 1 to %u octets",
                       CATALOG_ANSWER_KEY_MAX);
    }
    assert(answer->body_hash.len == PS_SHA256_LEN);
    assert(answer->status <= 599 && (answer->status != 0 || answer->answer.len == 0));
    assert(answer->expires_ns <= INT64_MAX);
    if (answer->answer.len > CATALOG_ANSWER_MAX) {
        return ps_fail(PS_E_INPUT, 0, "an answer of more than %u octets", CATALOG_ANSWER_MAX);
    }
    return PS_OK;
}

enum ps_err catalog_apply(struct catalog *catalog, const struct catalog_change *changes,
                          size_t count, uint64_t event, const struct catalog_answer *answer)
{
    assert(catalog->walks == 0 && event <= INT64_MAX);
    PS_TRY(catalog_check_form(catalog, changes, count));
    if (answer != NULL) {
        PS_TRY(check_answer(answer));
    }
    return catalog->ops->apply(catalog->backend, changes, count, event, answer);
}

enum ps_err catalog_keep_row(struct catalog *catalog, const struct catalog_row *row)
{
    assert(catalog->walks == 0 && catalog->ops->keep != NULL && row->revision != 0);
    PS_TRY(catalog_check_name(row->kind, row->name));
    return catalog->ops->keep(catalog->backend, row);
}

enum ps_err catalog_get_answer(struct catalog *catalog, struct ps_bytes caller, struct ps_bytes key,
                               uint64_t now_ns, struct ps_buf *memory,
                               struct catalog_answer *ret_answer)
{
    assert(catalog->walks == 0);
    return catalog->ops->get_answer(catalog->backend, caller, key, now_ns, memory, ret_answer);
}

enum ps_err catalog_begin_answer(struct catalog *catalog, const struct catalog_answer *answer)
{
    assert(catalog->walks == 0 && answer->status == 0);
    PS_TRY(check_answer(answer));
    return catalog->ops->begin_answer(catalog->backend, answer);
}

enum ps_err catalog_forget_answer(struct catalog *catalog, struct ps_bytes caller,
                                  struct ps_bytes key)
{
    assert(catalog->walks == 0);
    return catalog->ops->forget_answer(catalog->backend, caller, key);
}

enum ps_err catalog_sweep_answers(struct catalog *catalog, uint64_t now_ns)
{
    assert(catalog->walks == 0);
    return catalog->ops->sweep_answers(catalog->backend, now_ns);
}

enum ps_err catalog_expire_answers(struct catalog *catalog, uint64_t now_ns)
{
    assert(catalog->walks == 0);
    return catalog->ops->expire_answers(catalog->backend, now_ns);
}

enum ps_err catalog_check_alive(struct catalog *catalog)
{
    return catalog->ops->check_alive(catalog->backend);
}

enum ps_err catalog_data_version(struct catalog *catalog, uint64_t *ret_version)
{
    return catalog->ops->data_version(catalog->backend, ret_version);
}
