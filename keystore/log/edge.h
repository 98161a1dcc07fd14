#ifndef KEYSTORE_LOG_EDGE_H
#define KEYSTORE_LOG_EDGE_H

#include "keystore/log/log.h"

/*
 * Whoever reads leaves from the disk holds what they were against the tree in memory: a leaf and
 * the hash stored beside it are equal also when somebody changed both of them.
 */

/* That of the first `size` leaves of the present tree, as the stored hashes have it: its root tells
 * whether they are right. Errors: PS_E_NOT_FOUND, PS_E_STORAGE. */
PS_MUST_USE enum ps_err log_load_edge(struct log *log, uint64_t size, struct merkle_edge *ret_edge);

/*
 * edge: of the first leaves of a log without shards, as they were read; they are held against the
 * root of what is durable, of which none comes from the disk of now. Waits for no write. Errors:
 * PS_E_INPUT (the tree in memory begins with others), PS_E_STORAGE
 */
PS_MUST_USE enum ps_err log_check_edge(struct log *log, const struct merkle_edge *edge);

#endif
