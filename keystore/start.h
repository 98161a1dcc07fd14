#ifndef KEYSTORE_START_H
#define KEYSTORE_START_H

#include "keystore/internal.h"

/*
 * From the files to a working keeper: opens catalog and logs, derives the catalog from the log and
 * compares, mends what a crash left between a result leaf and its rows, loads everything into
 * memory. What is wrong becomes a reason of the state `failed`; the keeper runs on and says so.
 */
void start_keeper(struct keeper *keeper);

/* Opens what could not be opened yet because of the disk; called once a second. */
void start_tick(struct keeper *keeper);

#endif
