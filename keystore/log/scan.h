#ifndef KEYSTORE_LOG_SCAN_H
#define KEYSTORE_LOG_SCAN_H

#include "keystore/log/head.h"
#include "keystore/log/store.h"

/*
 * Goes through a record and compares it with what is stored beside it (docs/log-format.md,
 * section 4, says what may be missing after a crash).
 */
struct scan_request {
    const struct store *store;
    const struct head *checkpoint; /* of the tree; NULL: none */
    uint64_t limit;                /* leaves to look at; UINT64_MAX: all */
    uint64_t start; /* leaves to pass over: a multiple of TILES_WIDTH that the checkpoint covers */
    bool repair;    /* write what is missing, cut a tail that is no leaf, sync every file */
};

/*
 * Derived files are synced before a checkpoint beyond a multiple of this is stored, so that a scan
 * may begin there.
 */
#define SCAN_STEP UINT64_C(65536)

/*
 * ret_edge: of all leaves found. ret_octets: of the record up to there.
 * Errors: PS_E_INPUT (contradiction; the detail names file, octet and leaf), PS_E_STORAGE.
 */
PS_MUST_USE enum ps_err scan_tree(const struct scan_request *request, struct tiles_edge *ret_edge,
                                  uint64_t *ret_octets);

#endif
