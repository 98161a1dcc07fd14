#include "keystore/log/tree.h"

#include "keystore/log/internal.h"
#include "keystore/log/record.h"

#include <assert.h>

uint64_t tree_size(const struct tree *tree)
{
    return tree->size;
}

enum ps_err tree_describe(const struct tree *tree, struct tree_info *ret_info)
{
    struct tree_info info = {.first = tree->first, .size = tree->size};

    PS_TRY(tree_root(tree, tree->size, &info.root));
    memcpy(info.name, tree->store->name, sizeof info.name);
    *ret_info = info;
    return PS_OK;
}

/* Root of the full subtree of 2^level leaves: from the stored level at or below it. */
static enum ps_err read_hash(void *context, unsigned level, uint64_t index,
                             struct merkle_hash *ret_hash)
{
    const struct tree *tree = context;
    unsigned stored = level / 8;
    unsigned count;
    struct merkle_hash hashes[128];

    if (stored >= TILES_LEVELS || level % 8 > 7) {
        return ps_fail(PS_E_NOT_FOUND, 0, "no such level in the tree");
    }
    count = 1u << level % 8;
    PS_TRY(store_read_hashes(tree->store, stored, index * count, count, hashes));
    for (; count > 1; count /= 2) {
        for (unsigned i = 0; i < count / 2; i++) {
            hashes[i] = merkle_node_hash(hashes[2 * i], hashes[2 * i + 1]);
        }
    }
    *ret_hash = hashes[0];
    return PS_OK;
}

static struct merkle_source source_of(const struct tree *tree)
{
    /* Only read through. */
    return (struct merkle_source){.read_hash = read_hash, .context = (void *)(uintptr_t)tree};
}

static enum ps_err check_size(const struct tree *tree, uint64_t size)
{
    if (size > tree->size) {
        return ps_fail(PS_E_NOT_FOUND, 0, "the tree has only %llu leaves",
                       (unsigned long long)tree->size);
    }
    return PS_OK;
}

bool tree_is_pruned(const struct tree *tree)
{
    return tree->pruned != NULL;
}

enum ps_err tree_root(const struct tree *tree, uint64_t size, struct merkle_hash *ret_root)
{
    const struct merkle_source source = source_of(tree);

    PS_TRY(check_size(tree, size));
    if (tree->pruned != NULL && size == tree->size) {
        *ret_root = tree->pruned->root;
        return PS_OK;
    }
    return merkle_root(&source, size, ret_root);
}

enum ps_err tree_load_edge(const struct tree *tree, uint64_t size, struct merkle_edge *ret_edge)
{
    const struct merkle_source source = source_of(tree);

    PS_TRY(check_size(tree, size));
    return merkle_edge_load(&source, size, ret_edge);
}

enum ps_err tree_prove_inclusion(const struct tree *tree, uint64_t leaf, uint64_t size,
                                 struct merkle_proof *ret_proof)
{
    const struct merkle_source source = source_of(tree);

    PS_TRY(check_size(tree, size));
    return merkle_prove_inclusion(&source, leaf, size, ret_proof);
}

enum ps_err tree_prove_consistency(const struct tree *tree, uint64_t old, uint64_t size,
                                   struct merkle_proof *ret_proof)
{
    const struct merkle_source source = source_of(tree);

    PS_TRY(check_size(tree, size));
    return merkle_prove_consistency(&source, old, size, ret_proof);
}

/* True when `width` cells from tile `index` on are among `cells`. */
static bool tile_exists(uint64_t cells, uint64_t index, unsigned width)
{
    return width >= 1 && width <= TILES_WIDTH && index <= cells / TILES_WIDTH &&
           index * TILES_WIDTH + width <= cells;
}

enum ps_err tree_read_tile(const struct tree *tree, unsigned level, uint64_t index, unsigned width,
                           struct ps_buf *out)
{
    struct merkle_hash hashes[128];

    if (level >= TILES_LEVELS || !tile_exists(tiles_count(tree->size, level), index, width)) {
        return ps_fail(PS_E_NOT_FOUND, 0, "no such tile");
    }
    for (unsigned at = 0; at < width; at += 128) {
        const unsigned count = width - at < 128 ? width - at : 128;

        PS_TRY(store_read_hashes(tree->store, level, index * TILES_WIDTH + at, count, hashes));
        ps_buf_put(out, ps_bytes(hashes, count * sizeof hashes[0]));
    }
    return ps_buf_status(out);
}

/* The record from the bundle that holds leaf `index` on. */
static enum ps_err open_bundle(const struct tree *tree, uint64_t index, struct record **ret_record)
{
    uint64_t offset;

    PS_TRY(store_read_offset(tree->store, index / TILES_WIDTH, &offset));
    return record_new(tree->store->fds[STORE_ENTRIES], tree->store->label, offset, tree->octets,
                      ret_record);
}

static enum ps_err next_leaf(const struct tree *tree, struct record *record,
                             struct ps_bytes *ret_leaf)
{
    enum record_step step;

    PS_TRY(record_next(record, &step, ret_leaf));
    if (step != RECORD_LEAF) {
        return ps_fail(PS_E_STORAGE, 0, "%s/entries: no leaf at octet %llu", tree->store->label,
                       (unsigned long long)record_offset(record));
    }
    return PS_OK;
}

static enum ps_err compare_leaf(const struct tree *tree, uint64_t index, struct ps_bytes leaf,
                                const struct merkle_hash *stored)
{
    const struct merkle_hash computed = merkle_leaf_hash(leaf);

    if (memcmp(stored, &computed, sizeof computed) != 0) {
        return ps_fail(PS_E_STORAGE, 0, "%s/entries: leaf %llu is not what was recorded",
                       tree->store->label, (unsigned long long)index);
    }
    return PS_OK;
}

static bool knows_bundle(const struct tree_places *places, const struct tree *tree, uint64_t index)
{
    return places->store == tree->store && places->bundle == index / TILES_WIDTH &&
           places->count != 0;
}

static enum ps_err begin_bundle(struct tree_places *places, const struct tree *tree, uint64_t index)
{
    *places = (struct tree_places){.store = tree->store, .bundle = index / TILES_WIDTH};
    PS_TRY(store_read_offset(tree->store, places->bundle, &places->offsets[0]));
    places->count = 1;
    return PS_OK;
}

/* From the leaf nearest before it of which it is known where it begins. */
static enum ps_err read_near(struct tree_places *places, const struct tree *tree, uint64_t index,
                             struct ps_buf *out)
{
    PS_CLEANUP(record_free_cleanup) struct record *record = NULL;
    const unsigned wanted = (unsigned)(index % TILES_WIDTH);
    unsigned at = wanted < places->count ? wanted : places->count - 1;
    struct merkle_hash stored;
    struct ps_bytes leaf;

    PS_TRY(record_new(tree->store->fds[STORE_ENTRIES], tree->store->label, places->offsets[at],
                      tree->octets, &record));
    PS_TRY(next_leaf(tree, record, &leaf));
    for (; at < wanted; at++) {
        places->offsets[at + 1] = record_offset(record);
        places->count = at + 2;
        PS_TRY(next_leaf(tree, record, &leaf));
    }
    if (places->count == wanted + 1) {
        places->offsets[places->count++] = record_offset(record);
    }
    PS_TRY(store_read_hashes(tree->store, 0, index, 1, &stored));
    PS_TRY(compare_leaf(tree, index, leaf, &stored));
    ps_buf_put(out, leaf);
    return ps_buf_status(out);
}

enum ps_err tree_read_entry(const struct tree *tree, uint64_t index, struct ps_buf *out)
{
    struct tree_places none = {.count = 0};
    struct tree_places *places = tree->places == NULL ? &none : tree->places;

    if (index >= tree->size) {
        return ps_fail(PS_E_NOT_FOUND, 0, "no such leaf");
    }
    if (knows_bundle(places, tree, index) && read_near(places, tree, index, out) == PS_OK) {
        return PS_OK;
    }
    PS_TRY(begin_bundle(places, tree, index));
    return read_near(places, tree, index, out);
}

/* Goes over a tree's leaves from the beginning of a bundle on, comparing each with its hash. */
struct walk {
    const struct tree *tree;
    struct record *record;
    uint64_t next; /* index of the next leaf */
    uint64_t end;
    struct merkle_hash stored[64];
};

static enum ps_err walk_next(struct walk *walk, struct ps_bytes *ret_leaf)
{
    const uint64_t at = walk->next;

    if (at % 64 == 0) {
        const unsigned count = walk->end - at < 64 ? (unsigned)(walk->end - at) : 64;

        PS_TRY(store_read_hashes(walk->tree->store, 0, at, count, walk->stored));
    }
    PS_TRY(next_leaf(walk->tree, walk->record, ret_leaf));
    PS_TRY(compare_leaf(walk->tree, at, *ret_leaf, &walk->stored[at % 64]));
    walk->next++;
    return PS_OK;
}

static void walk_clear(struct walk *walk)
{
    record_free(walk->record);
}

enum ps_err tree_each_entry(const struct tree *tree, uint64_t from, tree_leaf_fn *fn, void *context)
{
    /* The tree may grow meanwhile: the end is that of now. */
    PS_CLEANUP(walk_clear)
    struct walk walk = {.tree = tree, .next = from / TILES_WIDTH * TILES_WIDTH, .end = tree->size};

    if (from >= walk.end) {
        return PS_OK;
    }
    PS_TRY(open_bundle(tree, from, &walk.record));
    while (walk.next < walk.end) {
        const uint64_t index = walk.next;
        struct ps_bytes leaf;

        PS_TRY(walk_next(&walk, &leaf));
        if (index >= from) {
            PS_TRY(fn(context, index, leaf));
        }
    }
    return PS_OK;
}

enum ps_err tree_read_bundle(const struct tree *tree, uint64_t index, unsigned width,
                             struct ps_buf *out)
{
    PS_CLEANUP(walk_clear)
    struct walk walk = {.tree = tree, .next = index * TILES_WIDTH};

    if (!tile_exists(tree->size, index, width)) {
        return ps_fail(PS_E_NOT_FOUND, 0, "no such bundle");
    }
    walk.end = walk.next + width;
    PS_TRY(open_bundle(tree, walk.next, &walk.record));
    while (walk.next < walk.end) {
        struct ps_bytes leaf;

        PS_TRY(walk_next(&walk, &leaf));
        ps_buf_put_u16(out, (uint16_t)leaf.len);
        ps_buf_put(out, leaf);
    }
    return ps_buf_status(out);
}

enum ps_err tree_read_checkpoint(const struct tree *tree, struct ps_buf *out)
{
    return head_read(tree->store->dir_fd, tree->store->label, out);
}

enum ps_err tree_read_witnessed(const struct tree *tree, const uint8_t id[4], struct ps_buf *out)
{
    return head_read_witnessed(tree->store->dir_fd, tree->store->label, id, out);
}

enum ps_err tree_store_witnessed(const struct tree *tree, const uint8_t id[4], struct ps_bytes note)
{
    return head_store_witnessed(tree->store->io, tree->store->dir_fd, tree->store->label, id, note);
}
