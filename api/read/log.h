#ifndef API_READ_LOG_H
#define API_READ_LOG_H

#include "lib/base/bytes.h"
#include "lib/base/err.h"

/*
 * Paths below a tree of the log, as C2SP tlog-tiles has them:
 * "<L>/<N>" or "entries/<N>", and ".p/<W>" for a partial tile; N in groups of three digits, all but
 * the last with an "x" before them.
 */
struct log_tile_path {
    bool is_entries;
    uint64_t level; /* of hashes: 0 to 63 */
    uint64_t index;
    uint32_t width; /* 1 to 256 */
};

/* Errors: PS_E_INPUT: no such path. */
PS_MUST_USE enum ps_err log_tile_parse(const struct ps_bytes *segments, size_t count,
                                       struct log_tile_path *ret_path);

#endif
