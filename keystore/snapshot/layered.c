#include "keystore/snapshot/layered.h"

#include "keystore/catalog/internal.h"
#include "keystore/catalog/ordered.h"

#include <assert.h>
#include <stdlib.h>

/* A row that leaves behind the table have changed. */
struct change {
    struct catalog_row row; /* revision 0: removed */
    uint8_t octets[];
};

struct layered {
    struct table *table;
    struct catalog *stored;
    struct log *events;
    struct json *parser;
    struct ps_buf leaf;
    struct ordered changes[CATALOG_AUTHORISING_COUNT];
    struct catalog *others; /* rows that authorise nothing, and answers */
};

static const struct json_limits leaf_limits = {LOG_ENTRY_MAX, 16, 20000};

static struct change *change_of(const struct ordered_node *node)
{
    return node->value;
}

static void free_node(struct ordered_node *node)
{
    if (node != NULL) {
        free(node->value);
        ordered_node_free(node);
    }
}

/* --- Rows of the table --- */

static bool is_named(struct json_value effect, const char *member, struct ps_bytes text)
{
    struct json_value value;
    struct ps_bytes found;

    return json_member(effect, member, &value) && json_string(value, &found) == PS_OK &&
           ps_bytes_equal(found, text);
}

/* What a leaf made of a row; doc NULL: nothing. */
static struct json_value find_effect(struct json_value leaf, const struct table_entry *entry)
{
    const struct ps_bytes kind = ps_bytes_str(catalog_kind_name(entry->kind));
    const struct json_value none = {.doc = NULL};
    struct json_value data;
    struct json_value effects;
    struct json_value effect;
    struct json_value row;
    uint32_t cursor = 0;

    if (json_type(leaf) != JSON_OBJECT || !json_member(leaf, "data", &data) ||
        json_type(data) != JSON_OBJECT || !json_member(data, "effects", &effects) ||
        json_type(effects) != JSON_ARRAY) {
        return none;
    }
    while (json_next(effects, &cursor, NULL, &effect)) {
        if (json_type(effect) == JSON_OBJECT && is_named(effect, "kind", kind) &&
            is_named(effect, "name", entry->name) && json_member(effect, "row", &row)) {
            return row;
        }
    }
    return none;
}

static bool has_hash(struct ps_bytes body, const struct table_entry *entry)
{
    uint8_t hash[PS_SHA256_LEN];

    ps_sha256(body, hash);
    return memcmp(hash, entry->hash, sizeof hash) == 0;
}

static enum ps_err get_from_leaf(struct layered *layered, const struct table_entry *entry,
                                 struct ps_buf *memory, struct catalog_row *ret_row)
{
    struct catalog_row row = {.kind = entry->kind,
                              .name = entry->name,
                              .revision = entry->revision,
                              .event = entry->event};
    struct json_value leaf;
    struct json_value body;

    ps_buf_reset(&layered->leaf);
    PS_TRY(log_read_entry(layered->events, entry->event, &layered->leaf));
    PS_TRY(json_parse(layered->parser, ps_buf_bytes(&layered->leaf), &leaf_limits, &leaf));
    body = find_effect(leaf, entry);
    row.body = body.doc == NULL ? ps_bytes(NULL, 0) : json_raw(body);
    if (!has_hash(row.body, entry)) {
        return ps_fail(PS_E_DENIED, 0,
                       "leaf %llu of events did not make %s %.*s as the snapshot has it",
                       (unsigned long long)entry->event, catalog_kind_name(entry->kind),
                       PS_BYTES_FMT(entry->name));
    }
    return catalog_copy_row(&row, memory, ret_row);
}

static enum ps_err get_body(struct layered *layered, const struct table_entry *entry,
                            struct ps_buf *memory, struct catalog_row *ret_row)
{
    const size_t start = memory->len;
    struct catalog_row row;
    const enum ps_err err = catalog_get(layered->stored, entry->kind, entry->name, memory, &row);

    if (err == PS_OK && row.revision == entry->revision && row.event == entry->event &&
        has_hash(row.body, entry)) {
        *ret_row = row;
        return PS_OK;
    }
    if (err != PS_OK && err != PS_E_NOT_FOUND) {
        return err;
    }
    memory->len = start;
    return get_from_leaf(layered, entry, memory, ret_row);
}

/* --- The backend's calls --- */

static enum ps_err layered_get(void *backend, enum catalog_kind kind, struct ps_bytes name,
                               struct ps_buf *memory, struct catalog_row *ret_row)
{
    struct layered *layered = backend;
    const struct ordered_node *node;
    struct table_entry entry;
    enum ps_err err;

    if (kind >= CATALOG_AUTHORISING_COUNT) {
        return catalog_get(layered->others, kind, name, memory, ret_row);
    }
    node = ordered_find(&layered->changes[kind], name);
    if (node != NULL && change_of(node)->row.revision != 0) {
        return catalog_copy_row(&change_of(node)->row, memory, ret_row);
    }
    if (node != NULL || layered->table == NULL) {
        return catalog_fail_not_found(kind, name);
    }
    err = table_find(layered->table, kind, name, &entry);
    if (err == PS_E_NOT_FOUND) {
        return catalog_fail_not_found(kind, name);
    }
    PS_TRY(err);
    return get_body(layered, &entry, memory, ret_row);
}

struct merge {
    const struct layered *layered;
    const struct ordered_node *node;
    struct table_cursor cursor;
    struct table_entry entry;
    bool has_entry;
};

static enum ps_err step_table(struct merge *merge)
{
    const enum ps_err err = table_next(&merge->cursor, &merge->entry);

    merge->has_entry = err == PS_OK;
    return err == PS_E_NOT_FOUND ? PS_OK : err;
}

static enum ps_err begin_merge(struct merge *merge, enum catalog_kind kind, struct ps_bytes after)
{
    merge->node = ordered_after(&merge->layered->changes[kind], after);
    if (merge->layered->table == NULL) {
        return PS_OK;
    }
    PS_TRY(table_seek(merge->layered->table, kind, after, &merge->cursor));
    return step_table(merge);
}

/* Gives the entry of the table or of the change, whichever is first; the change hides the other. */
static enum ps_err give_next(struct merge *merge, layered_fn *fn, void *context, bool *ret_given)
{
    const struct ordered_node *node = merge->node;
    const int order = node == NULL        ? 1
                      : !merge->has_entry ? -1
                                          : ps_bytes_compare(node->name, merge->entry.name);
    const struct catalog_row *row;
    struct table_entry entry;

    if (order > 0) {
        *ret_given = true;
        PS_TRY(fn(context, &merge->entry, ps_bytes(NULL, 0)));
        return step_table(merge);
    }
    row = &change_of(node)->row;
    *ret_given = row->revision != 0;
    if (*ret_given) {
        entry = (struct table_entry){
            .kind = row->kind, .name = row->name, .revision = row->revision, .event = row->event};
        ps_sha256(row->body, entry.hash);
        PS_TRY(fn(context, &entry, row->body));
    }
    merge->node = node->next[0];
    return order == 0 ? step_table(merge) : PS_OK;
}

static enum ps_err walk(const struct layered *layered, enum catalog_kind kind,
                        struct ps_bytes after, uint32_t limit, layered_fn *fn, void *context)
{
    struct merge merge = {.layered = layered};
    bool is_given;

    PS_TRY(begin_merge(&merge, kind, after));
    while (limit != 0 && (merge.node != NULL || merge.has_entry)) {
        PS_TRY(give_next(&merge, fn, context, &is_given));
        limit -= is_given ? 1 : 0;
    }
    return PS_OK;
}

struct listing {
    struct layered *layered;
    struct ps_buf memory;
    catalog_row_fn *fn;
    void *context;
};

static void clear_listing(struct listing *listing)
{
    ps_buf_clear(&listing->memory);
}

static enum ps_err list_one(void *context, const struct table_entry *entry, struct ps_bytes body)
{
    struct listing *listing = context;
    struct catalog_row row = {.kind = entry->kind,
                              .name = entry->name,
                              .revision = entry->revision,
                              .event = entry->event,
                              .body = body};

    if (body.len == 0) {
        ps_buf_reset(&listing->memory);
        PS_TRY(get_body(listing->layered, entry, &listing->memory, &row));
    }
    return listing->fn(listing->context, &row);
}

static enum ps_err layered_list(void *backend, enum catalog_kind kind, struct ps_bytes after,
                                uint32_t limit, catalog_row_fn *fn, void *context)
{
    struct layered *layered = backend;
    PS_CLEANUP(clear_listing)
    struct listing listing = {.layered = layered,
                              .memory = {.max = CATALOG_NAME_MAX + CATALOG_BODY_MAX},
                              .fn = fn,
                              .context = context};

    if (kind >= CATALOG_AUTHORISING_COUNT) {
        return catalog_list(layered->others, kind, after, limit, fn, context);
    }
    return walk(layered, kind, after, limit, list_one, &listing);
}

struct marking {
    catalog_mark_fn *fn;
    void *context;
};

static enum ps_err mark_one(void *context, const struct table_entry *entry, struct ps_bytes body)
{
    const struct marking *marking = context;
    struct catalog_mark mark = {.kind = entry->kind,
                                .name = entry->name,
                                .revision = entry->revision,
                                .event = entry->event};

    (void)body;
    memcpy(mark.hash, entry->hash, sizeof mark.hash);
    return marking->fn(marking->context, &mark);
}

/* What the table has needs no body, which would be read from the database it is held against. */
static enum ps_err layered_list_marks(void *backend, enum catalog_kind kind, struct ps_bytes after,
                                      uint32_t limit, catalog_mark_fn *fn, void *context)
{
    const struct layered *layered = backend;
    struct marking marking = {.fn = fn, .context = context};

    assert(kind < CATALOG_AUTHORISING_COUNT);
    return walk(layered, kind, after, limit, mark_one, &marking);
}

/* The revision that a row has now; 0: there is none. */
static enum ps_err find_revision(const struct layered *layered, const struct catalog_change *change,
                                 uint64_t *ret_revision)
{
    const struct ordered_node *node = ordered_find(&layered->changes[change->kind], change->name);
    struct table_entry entry;
    enum ps_err err;

    if (node != NULL || layered->table == NULL) {
        *ret_revision = node == NULL ? 0 : change_of(node)->row.revision;
        return PS_OK;
    }
    err = table_find(layered->table, change->kind, change->name, &entry);
    if (err != PS_OK && err != PS_E_NOT_FOUND) {
        return err;
    }
    *ret_revision = err == PS_OK ? entry.revision : 0;
    return PS_OK;
}

static enum ps_err new_node(struct layered *layered, const struct catalog_change *change,
                            uint64_t event, struct ordered_node **ret_node)
{
    struct change *made = calloc(1, sizeof *made + change->name.len + change->body.len);

    if (made == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    made->row = (struct catalog_row){
        .kind = change->kind,
        .name = ps_bytes(made->octets, change->name.len),
        .revision = change->body.len == 0 ? 0 : change->expected + 1,
        .event = event,
        .body = ps_bytes(made->octets + change->name.len, change->body.len),
    };
    memcpy(made->octets, change->name.data, change->name.len);
    if (change->body.len != 0) {
        memcpy(made->octets + change->name.len, change->body.data, change->body.len);
    }
    *ret_node = ordered_node_new(&layered->changes[change->kind], made->row.name, made);
    if (*ret_node == NULL) {
        free(made);
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    return PS_OK;
}

static void link_node(struct layered *layered, struct ordered_node *node)
{
    struct ordered *list = &layered->changes[change_of(node)->row.kind];
    struct ordered_node *old = ordered_find(list, node->name);

    if (old != NULL) {
        ordered_unlink(list, old);
        free_node(old);
    }
    ordered_link(list, node);
}

static enum ps_err prepare(struct layered *layered, const struct catalog_change *change,
                           uint64_t event, struct ordered_node **ret_node)
{
    uint64_t revision;

    PS_TRY(find_revision(layered, change, &revision));
    return revision == change->expected ? new_node(layered, change, event, ret_node)
                                        : catalog_fail_conflict(change);
}

/* Of several kinds: what authorises is kept here, the rest beside it. */
static enum ps_err layered_apply(void *backend, const struct catalog_change *changes, size_t count,
                                 uint64_t event, const struct catalog_answer *answer)
{
    struct layered *layered = backend;
    struct catalog_change *others = calloc(count + 1, sizeof *others);
    struct ordered_node **nodes = calloc(count + 1, sizeof(struct ordered_node *));
    size_t other_count = 0;
    enum ps_err err =
        others == NULL || nodes == NULL ? ps_fail(PS_E_NO_MEMORY, 0, "out of memory") : PS_OK;

    for (size_t i = 0; i < count && err == PS_OK; i++) {
        if (changes[i].kind < CATALOG_AUTHORISING_COUNT) {
            err = prepare(layered, &changes[i], event, &nodes[i]);
        } else {
            others[other_count++] = changes[i];
        }
    }
    if (err == PS_OK && (other_count != 0 || answer != NULL)) {
        err = catalog_apply(layered->others, others, other_count, event, answer);
    }
    for (size_t i = 0; i < count && nodes != NULL; i++) {
        if (err != PS_OK) {
            free_node(nodes[i]);
        } else if (nodes[i] != NULL) {
            link_node(layered, nodes[i]);
        }
    }
    free(others);
    free(nodes);
    return err;
}

static enum ps_err layered_get_answer(void *backend, struct ps_bytes caller, struct ps_bytes key,
                                      uint64_t now_ns, struct ps_buf *memory,
                                      struct catalog_answer *ret_answer)
{
    struct layered *layered = backend;

    return catalog_get_answer(layered->others, caller, key, now_ns, memory, ret_answer);
}

static enum ps_err layered_begin_answer(void *backend, const struct catalog_answer *answer)
{
    struct layered *layered = backend;

    return catalog_begin_answer(layered->others, answer);
}

static enum ps_err layered_forget_answer(void *backend, struct ps_bytes caller, struct ps_bytes key)
{
    struct layered *layered = backend;

    return catalog_forget_answer(layered->others, caller, key);
}

static enum ps_err layered_sweep_answers(void *backend, uint64_t now_ns)
{
    struct layered *layered = backend;

    return catalog_sweep_answers(layered->others, now_ns);
}

static enum ps_err layered_expire_answers(void *backend, uint64_t now_ns)
{
    struct layered *layered = backend;

    return catalog_expire_answers(layered->others, now_ns);
}

static enum ps_err layered_check_alive(void *backend)
{
    const struct layered *layered = backend;

    return catalog_check_alive(layered->others);
}

static enum ps_err layered_data_version(void *backend, uint64_t *ret_version)
{
    const struct layered *layered = backend;

    return catalog_data_version(layered->others, ret_version);
}

static void free_changes(struct ordered *list)
{
    struct ordered_node *node = list->first[0];

    while (node != NULL) {
        struct ordered_node *next = node->next[0];

        free_node(node);
        node = next;
    }
}

static void layered_close(void *backend)
{
    struct layered *layered = backend;

    for (unsigned kind = 0; kind < CATALOG_AUTHORISING_COUNT; kind++) {
        free_changes(&layered->changes[kind]);
    }
    catalog_close(layered->others);
    json_free(layered->parser);
    ps_buf_clear(&layered->leaf);
    table_free(layered->table);
    free(layered);
}

static const struct catalog_ops layered_ops = {
    .name = "layered",
    .get = layered_get,
    .list = layered_list,
    .list_marks = layered_list_marks,
    .apply = layered_apply,
    .get_answer = layered_get_answer,
    .begin_answer = layered_begin_answer,
    .forget_answer = layered_forget_answer,
    .sweep_answers = layered_sweep_answers,
    .expire_answers = layered_expire_answers,
    .check_alive = layered_check_alive,
    .data_version = layered_data_version,
    .close = layered_close,
};

enum ps_err layered_open(struct table *table, struct catalog *stored, struct log *events,
                         struct catalog **ret_catalog)
{
    struct layered *layered = calloc(1, sizeof *layered);
    enum ps_err err;

    if (layered == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    layered->table = table_hold(table);
    layered->stored = stored;
    layered->events = events;
    ps_buf_init(&layered->leaf, LOG_ENTRY_MAX);
    err = json_new(&layered->parser);
    if (err == PS_OK) {
        err = catalog_open_memory(&layered->others);
    }
    if (err != PS_OK) {
        layered_close(layered);
        return err;
    }
    return catalog_open_over(&layered_ops, layered, ret_catalog);
}

/* --- What only this kind of catalog has --- */

static struct layered *layered_of(const struct catalog *catalog)
{
    return catalog_ops(catalog) == &layered_ops ? catalog_backend(catalog) : NULL;
}

struct table *layered_table(const struct catalog *catalog)
{
    const struct layered *layered = layered_of(catalog);

    return layered == NULL ? NULL : layered->table;
}

enum ps_err layered_get_below(const struct catalog *catalog, enum catalog_kind kind,
                              struct ps_bytes name, struct ps_buf *memory,
                              struct catalog_row *ret_row)
{
    struct layered *layered = layered_of(catalog);
    struct table_entry entry;

    if (layered == NULL || layered->table == NULL) {
        return PS_E_NOT_FOUND;
    }
    PS_TRY(table_find(layered->table, kind, name, &entry));
    return get_body(layered, &entry, memory, ret_row);
}

size_t layered_changes(const struct catalog *catalog)
{
    const struct layered *layered = layered_of(catalog);
    size_t count = 0;

    for (unsigned kind = 0; layered != NULL && kind < CATALOG_AUTHORISING_COUNT; kind++) {
        count += layered->changes[kind].count;
    }
    return count;
}

enum ps_err layered_each_change(const struct catalog *catalog, enum catalog_kind kind,
                                catalog_row_fn *fn, void *context)
{
    const struct layered *layered = layered_of(catalog);
    const struct ordered_node *node = layered == NULL ? NULL : layered->changes[kind].first[0];

    for (; node != NULL; node = node->next[0]) {
        PS_TRY(fn(context, &change_of(node)->row));
    }
    return PS_OK;
}

enum ps_err layered_walk(const struct catalog *catalog, enum catalog_kind kind,
                         struct ps_bytes after, uint32_t limit, layered_fn *fn, void *context)
{
    const struct layered *layered = layered_of(catalog);

    if (layered == NULL) {
        return ps_fail(PS_E_INTERNAL, 0, "a catalog of another kind");
    }
    return walk(layered, kind, after, limit, fn, context);
}
