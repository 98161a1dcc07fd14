#include "keystore/log/edge.h"

void edge_reset(struct edge *edge)
{
    edge->size = 0;
    for (unsigned level = 0; level < EDGE_LEVELS; level++) {
        edge->levels[level].size = 0;
        edge->levels[level].depth = 0;
    }
}

void edge_append(struct edge *edge, struct merkle_hash leaf, struct ps_buf cells[EDGE_LEVELS])
{
    struct merkle_hash cell = leaf;

    edge->size++;
    for (unsigned level = 0; level < EDGE_LEVELS; level++) {
        struct merkle_edge *tile = &edge->levels[level];

        ps_buf_put(&cells[level], ps_bytes(cell.octets, sizeof cell.octets));
        merkle_edge_append(tile, cell);
        if (tile->size != EDGE_TILE || level == EDGE_LEVELS - 1) {
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
struct merkle_hash edge_root(const struct edge *edge)
{
    struct merkle_edge whole;

    whole.size = edge->size;
    whole.depth = 0;
    for (unsigned level = EDGE_LEVELS; level > 0; level--) {
        const struct merkle_edge *tile = &edge->levels[level - 1];

        memcpy(&whole.stack[whole.depth], tile->stack, tile->depth * sizeof tile->stack[0]);
        whole.depth += tile->depth;
    }
    return merkle_edge_root(&whole);
}

uint64_t edge_cells(uint64_t size, unsigned level)
{
    return size >> (8 * level);
}

static enum ps_err load_level(struct edge *edge, uint64_t size, unsigned level,
                              const struct edge_source *source)
{
    const uint64_t cells = edge_cells(size, level);
    uint64_t at = level == EDGE_LEVELS - 1 ? 0 : cells / EDGE_TILE * EDGE_TILE;
    struct merkle_hash hashes[64];

    while (at < cells) {
        const unsigned count = cells - at < 64 ? (unsigned)(cells - at) : 64;

        PS_TRY(source->read_cells(source->context, level, at, count, hashes));
        for (unsigned i = 0; i < count; i++) {
            merkle_edge_append(&edge->levels[level], hashes[i]);
        }
        at += count;
    }
    return PS_OK;
}

enum ps_err edge_load(struct edge *edge, uint64_t size, const struct edge_source *source)
{
    edge_reset(edge);
    for (unsigned level = 0; level < EDGE_LEVELS; level++) {
        PS_TRY(load_level(edge, size, level, source));
    }
    edge->size = size;
    return PS_OK;
}
