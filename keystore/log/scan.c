#include "keystore/log/scan.h"

#include "keystore/log/record.h"

/* Leaves between two comparisons: keeps them whole tiles and the buffers small. */
#define RUN TILES_WIDTH

struct scan {
    const struct scan_request *request;
    const struct store *store;
    struct record *record;
    struct tiles_edge *edge;
    uint64_t run_start;                /* leaves before the buffers' content */
    struct ps_buf cells[TILES_LEVELS]; /* hashes that follow from the record */
    struct ps_buf offsets;
    struct ps_buf stored;
};

static void scan_clear(struct scan *scan)
{
    record_free(scan->record);
    for (unsigned level = 0; level < TILES_LEVELS; level++) {
        ps_buf_clear(&scan->cells[level]);
    }
    ps_buf_clear(&scan->offsets);
    ps_buf_clear(&scan->stored);
}

static enum ps_err read_hashes(void *context, unsigned level, uint64_t from, unsigned count,
                               struct merkle_hash *ret_hashes)
{
    return store_read_hashes(context, level, from, count, ret_hashes);
}

static bool is_zero(const uint8_t *octets, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (octets[i] != 0) {
            return false;
        }
    }
    return true;
}

/*
 * Compares a run of cells of one file with the stored ones; *ret_missing when some are not there.
 * `zero_counts`: a cell of zeros is a value, not a gap (the first offset).
 */
static enum ps_err compare_run(struct scan *scan, unsigned file, uint64_t from,
                               const struct ps_buf *run, size_t width, bool *ret_missing)
{
    size_t got;
    uint8_t *stored;

    ps_buf_reset(&scan->stored);
    stored = ps_buf_reserve(&scan->stored, run->len);
    if (stored == NULL) {
        return ps_buf_status(&scan->stored);
    }
    PS_TRY(io_read(scan->store->fds[file], stored, run->len, from * width, scan->store->label,
                   store_file_name(file), &got));
    *ret_missing = got < run->len;
    for (size_t at = 0; at + width <= got; at += width) {
        if (memcmp(stored + at, run->data + at, width) == 0) {
            continue;
        }
        if (!is_zero(stored + at, width)) {
            return ps_fail(
                PS_E_INPUT, 0, "%s/%s: number %llu, at octet %llu, does not follow from entries",
                scan->store->label, store_file_name(file), (unsigned long long)(from + at / width),
                (unsigned long long)(from * width + at));
        }
        *ret_missing = true;
    }
    return PS_OK;
}

static enum ps_err settle_run(struct scan *scan)
{
    bool missing = false;
    bool any = false;

    for (unsigned level = 0; level < TILES_LEVELS; level++) {
        PS_TRY(ps_buf_status(&scan->cells[level]));
        PS_TRY(compare_run(scan, STORE_HASHES + level, tiles_count(scan->run_start, level),
                           &scan->cells[level], PS_SHA256_LEN, &missing));
        any = any || missing;
    }
    PS_TRY(ps_buf_status(&scan->offsets));
    PS_TRY(compare_run(scan, STORE_OFFSETS, store_bundles(scan->run_start), &scan->offsets,
                       sizeof(uint64_t), &missing));
    any = any || missing;
    if (any && !scan->request->repair) {
        return ps_fail(PS_E_INPUT, 0, "%s: hashes or offsets of leaves %llu and on are missing",
                       scan->store->label, (unsigned long long)scan->run_start);
    }
    if (any) {
        PS_TRY(store_write_derived(scan->store, scan->run_start, scan->cells, &scan->offsets));
    }
    for (unsigned level = 0; level < TILES_LEVELS; level++) {
        ps_buf_reset(&scan->cells[level]);
    }
    ps_buf_reset(&scan->offsets);
    scan->run_start = scan->edge->size;
    return PS_OK;
}

static enum ps_err check_root(const struct scan *scan)
{
    const struct head *checkpoint = scan->request->checkpoint;
    struct merkle_hash root;

    if (checkpoint == NULL || checkpoint->size != scan->edge->size) {
        return PS_OK;
    }
    root = tiles_edge_root(scan->edge);
    if (memcmp(&root, &checkpoint->root, sizeof root) != 0) {
        return ps_fail(PS_E_INPUT, 0, "%s: the first %llu leaves are not those of the checkpoint",
                       scan->store->label, (unsigned long long)checkpoint->size);
    }
    return PS_OK;
}

static enum ps_err add_leaf(struct scan *scan, uint64_t offset, struct ps_bytes leaf)
{
    if (scan->edge->size % TILES_WIDTH == 0) {
        ps_buf_put_u64(&scan->offsets, offset);
    }
    tiles_edge_append(scan->edge, merkle_leaf_hash(leaf), scan->cells);
    if (scan->edge->size % RUN == 0) {
        PS_TRY(settle_run(scan));
    }
    return check_root(scan);
}

/* A hash is written after its leaf was synced, so one that is there proves that the leaf was. */
static enum ps_err was_synced(const struct scan *scan, uint64_t leaf, bool *ret_synced)
{
    const struct head *checkpoint = scan->request->checkpoint;
    uint8_t cell[PS_SHA256_LEN];
    size_t got;

    PS_TRY(io_read(scan->store->fds[STORE_HASHES], cell, sizeof cell, leaf * PS_SHA256_LEN,
                   scan->store->label, "hashes.0", &got));
    *ret_synced = (checkpoint != NULL && leaf < checkpoint->size) ||
                  (got == sizeof cell && !is_zero(cell, sizeof cell));
    return PS_OK;
}

/*
 * After a power cut the end of a file may hold zeros where data were to come. No leaf has an octet
 * of zero, so one that has and was never synced is the beginning of an unfinished tail.
 */
static enum ps_err is_tail(const struct scan *scan, struct ps_bytes leaf, bool *ret_tail)
{
    bool synced;

    *ret_tail = false;
    if (memchr(leaf.data, 0, leaf.len) == NULL) {
        return PS_OK;
    }
    PS_TRY(was_synced(scan, scan->edge->size, &synced));
    *ret_tail = !synced;
    return PS_OK;
}

static enum ps_err add_leaves(struct scan *scan, enum record_step *ret_step, uint64_t *ret_octets)
{
    *ret_step = RECORD_END;
    for (;;) {
        struct ps_bytes leaf;
        bool tail;

        *ret_octets = record_offset(scan->record);
        if (scan->edge->size == scan->request->limit) {
            return PS_OK;
        }
        PS_TRY(record_next(scan->record, ret_step, &leaf));
        if (*ret_step != RECORD_LEAF) {
            return PS_OK;
        }
        PS_TRY(is_tail(scan, leaf, &tail));
        if (tail) {
            *ret_step = RECORD_NO_LEAF;
            return PS_OK;
        }
        PS_TRY(add_leaf(scan, *ret_octets, leaf));
    }
}

/* Whether a file has nothing but zeros from an octet on. */
static enum ps_err ends_at(const struct scan *scan, unsigned file, uint64_t at, bool *ret_ends)
{
    uint8_t piece[4096];
    size_t got = sizeof piece;

    for (; got == sizeof piece; at += got) {
        PS_TRY(io_read(scan->store->fds[file], piece, sizeof piece, at, scan->store->label,
                       store_file_name(file), &got));
        if (!is_zero(piece, got)) {
            *ret_ends = false;
            return PS_OK;
        }
    }
    *ret_ends = true;
    return PS_OK;
}

/* No file holds more than the leaves found. */
static enum ps_err check_surplus(const struct scan *scan, uint64_t octets)
{
    for (unsigned file = STORE_OFFSETS; file < STORE_FILES; file++) {
        bool ends;

        PS_TRY(ends_at(scan, file, store_expected_length(file, scan->edge->size), &ends));
        if (!ends) {
            return ps_fail(PS_E_INPUT, 0,
                           "%s/%s holds more than follows from entries, where leaf %llu, at octet "
                           "%llu, is missing or damaged",
                           scan->store->label, store_file_name(file),
                           (unsigned long long)scan->edge->size, (unsigned long long)octets);
        }
    }
    return PS_OK;
}

static enum ps_err finish(struct scan *scan, enum record_step step, uint64_t octets)
{
    const struct head *checkpoint = scan->request->checkpoint;
    const uint64_t size = scan->edge->size;

    PS_TRY(settle_run(scan));
    if (size == scan->request->limit) {
        return PS_OK;
    }
    if (checkpoint != NULL && size < checkpoint->size) {
        return ps_fail(PS_E_INPUT, 0,
                       "%s/entries: leaf %llu, at octet %llu, is missing or damaged, and the "
                       "checkpoint covers %llu",
                       scan->store->label, (unsigned long long)size, (unsigned long long)octets,
                       (unsigned long long)checkpoint->size);
    }
    PS_TRY(check_surplus(scan, octets));
    if (step == RECORD_END) {
        return scan->request->repair ? store_cut(scan->store, size, octets) : PS_OK;
    }
    if (!scan->request->repair) {
        return ps_fail(PS_E_INPUT, 0, "%s/entries: no leaf at octet %llu", scan->store->label,
                       (unsigned long long)octets);
    }
    return store_cut(scan->store, size, octets);
}

/* What follows from the leaves before `start` is stored; else the scan begins at 0. */
static enum ps_err find_start(const struct scan *scan, uint64_t *ret_start)
{
    uint64_t start = scan->request->start;

    for (unsigned file = STORE_OFFSETS; file < STORE_FILES; file++) {
        uint64_t found;

        PS_TRY(store_length(scan->store, file, &found));
        if (found < store_expected_length(file, start)) {
            start = 0;
        }
    }
    *ret_start = start;
    return PS_OK;
}

/* Opens the record where the scan begins, with the edge of the leaves before. */
static enum ps_err begin(struct scan *scan)
{
    const struct tiles_source source = {read_hashes, (void *)(uintptr_t)scan->store};
    uint64_t start;
    uint64_t offset = 0;

    PS_TRY(find_start(scan, &start));
    PS_TRY(tiles_edge_load(scan->edge, start, &source));
    if (start != 0) {
        PS_TRY(store_read_offset(scan->store, start / TILES_WIDTH, &offset));
    }
    scan->run_start = start;
    PS_TRY(check_root(scan));
    return record_new(scan->store->fds[STORE_ENTRIES], scan->store->label, offset, UINT64_MAX,
                      &scan->record);
}

enum ps_err scan_tree(const struct scan_request *request, struct tiles_edge *ret_edge,
                      uint64_t *ret_octets)
{
    PS_CLEANUP(scan_clear)
    struct scan scan = {.request = request, .store = request->store, .edge = ret_edge};
    enum record_step step;
    uint64_t octets;

    for (unsigned level = 0; level < TILES_LEVELS; level++) {
        ps_buf_init(&scan.cells[level], (size_t)RUN * PS_SHA256_LEN);
    }
    ps_buf_init(&scan.offsets, 2 * sizeof(uint64_t));
    ps_buf_init(&scan.stored, (size_t)RUN * PS_SHA256_LEN);
    PS_TRY(begin(&scan));
    PS_TRY(add_leaves(&scan, &step, &octets));
    PS_TRY(finish(&scan, step, octets));
    *ret_octets = octets;
    return PS_OK;
}
