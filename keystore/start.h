#ifndef KEYSTORE_START_H
#define KEYSTORE_START_H

#include "keystore/internal.h"

/*
 * Starts the log's thread, which keeps the real time that the process may have begun in (lib/base/
 * turns.h); the calling thread and all that it starts afterwards pass work on. Before any other.
 */
PS_MUST_USE enum ps_err start_log_thread(struct keeper *keeper);

/*
 * From the files to a working keeper: opens catalog and logs, derives the catalog from the log and
 * compares, mends what a crash left between a result leaf and its rows, loads everything into
 * memory. What is wrong becomes a reason of the state `failed`; the keeper runs on and says so.
 */
void start_keeper(struct keeper *keeper);

/* Opens what could not be opened yet because of the disk; called once a second. */
void start_tick(struct keeper *keeper);

#endif
