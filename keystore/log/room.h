#ifndef KEYSTORE_LOG_ROOM_H
#define KEYSTORE_LOG_ROOM_H

#include "keystore/log/store.h"

/*
 * Room for leaves behind the end of the record: zeros that were written and synced before a leaf
 * goes there. A sync of what overwrites them changes nothing in the file system's own structures,
 * and so does not wait for its journal.
 *
 * `length` is that of the file: the record and its room. An octet of room stays behind every leaf,
 * so that a file that was cut behind our back, and became longer by the next write, never has the
 * length that it had.
 */

/* Room grows to a multiple of the record's length rounded up to a power of two between these. */
#define ROOM_LEAST (UINT64_C(64) * 1024)
#define ROOM_MOST  (UINT64_C(128) * 1024)

/*
 * Makes room for `needed` octets behind a record of `octets`; does nothing where there is enough.
 * Blocks for one sync, and for the writing of at most ROOM_MOST octets more than are needed. On a
 * disk that is nearly full it takes what is needed. Errors: PS_E_STORAGE (also: the file is not the
 * one that was open, or not `length` octets long); *ret_length is untouched, and what is behind it
 * is unknown.
 */
PS_MUST_USE enum ps_err room_make(const struct store *store, uint64_t octets, uint64_t needed,
                                  uint64_t length, uint64_t *ret_length);

/* Cuts the record to its octets, durably. */
PS_MUST_USE enum ps_err room_cut(const struct store *store, uint64_t octets);

/* Errors: PS_E_INPUT (there is something else than zeros in the room), PS_E_STORAGE. */
PS_MUST_USE enum ps_err room_check(const struct store *store, uint64_t octets, uint64_t length);

#endif
