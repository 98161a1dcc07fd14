#include "lib/formats/tlog/tiles.h"

void tiles_edge_reset(struct tiles_edge *edge)
{
    edge->size = 0;
    for (unsigned level = 0; level < TILES_LEVELS; level++) {
        edge->levels[level].size = 0;
        edge->levels[level].depth = 0;
    }
}

void tiles_edge_append(struct tiles_edge *edge, struct merkle_hash leaf,
                       struct ps_buf cells[TILES_LEVELS])
{
    struct merkle_hash cell = leaf;

    edge->size++;
    for (unsigned level = 0; level < TILES_LEVELS; level++) {
        struct merkle_edge *tile = &edge->levels[level];

        ps_buf_put(&cells[level], ps_bytes(cell.octets, sizeof cell.octets));
        merkle_edge_append(tile, cell);
        if (tile->size != TILES_WIDTH || level == TILES_LEVELS - 1) {
            return;
        }
        cell = merkle_edge_root(tile);
        tile->size = 0;
        tile->depth = 0;
    }
}

/*
 * Each level's count is a digit of the size in base 256, so the levels' stacks one after the other,
 * the highest first, are the stack of the whole tree.
 */
struct merkle_hash tiles_edge_root(const struct tiles_edge *edge)
{
    struct merkle_edge whole;

    whole.size = edge->size;
    whole.depth = 0;
    for (unsigned level = TILES_LEVELS; level > 0; level--) {
        const struct merkle_edge *tile = &edge->levels[level - 1];

        memcpy(&whole.stack[whole.depth], tile->stack, tile->depth * sizeof tile->stack[0]);
        whole.depth += tile->depth;
    }
    return merkle_edge_root(&whole);
}

uint64_t tiles_count(uint64_t size, unsigned level)
{
    return size >> (8 * level);
}

static enum ps_err load_level(struct tiles_edge *edge, uint64_t size, unsigned level,
                              const struct tiles_source *source)
{
    const uint64_t cells = tiles_count(size, level);
    uint64_t at = level == TILES_LEVELS - 1 ? 0 : cells / TILES_WIDTH * TILES_WIDTH;
    struct merkle_hash hashes[64];

    while (at < cells) {
        const unsigned count = cells - at < 64 ? (unsigned)(cells - at) : 64;

        PS_TRY(source->read_hashes(source->context, level, at, count, hashes));
        for (unsigned i = 0; i < count; i++) {
            merkle_edge_append(&edge->levels[level], hashes[i]);
        }
        at += count;
    }
    return PS_OK;
}

enum ps_err tiles_edge_load(struct tiles_edge *edge, uint64_t size,
                            const struct tiles_source *source)
{
    tiles_edge_reset(edge);
    for (unsigned level = 0; level < TILES_LEVELS; level++) {
        PS_TRY(load_level(edge, size, level, source));
    }
    edge->size = size;
    return PS_OK;
}

/* Groups of three digits, all but the last with an x before them: x001/x234/067. */
static void put_index(uint64_t index, struct ps_buf *out)
{
    if (index >= 1000) {
        uint64_t before = index / 1000;
        uint64_t unit = 1;

        while (before / unit >= 1000) {
            unit *= 1000;
        }
        for (; unit != 0; unit /= 1000) {
            ps_buf_printf(out, "x%03u/", (unsigned)(before / unit % 1000));
        }
    }
    ps_buf_printf(out, "%03u", (unsigned)(index % 1000));
}

void tiles_put_path(unsigned level, uint64_t index, unsigned width, struct ps_buf *out)
{
    if (level == TILES_ENTRIES) {
        ps_buf_put_str(out, "tile/entries/");
    } else {
        ps_buf_printf(out, "tile/%u/", level);
    }
    put_index(index, out);
    if (width != TILES_WIDTH) {
        ps_buf_printf(out, ".p/%u", width);
    }
}
