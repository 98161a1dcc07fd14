#ifndef KEYSTORE_CUSTODY_ROW_READER_H
#define KEYSTORE_CUSTODY_ROW_READER_H

#include "keystore/catalog/catalog.h"
#include "keystore/catalog/wrapped_record.h"
#include "keystore/keys/key_version.h"
#include "lib/base/loop.h"

/* Reads the rows of wrapped keys (catalog/wrapped_record.h), one at a time, and keeps its memory.
 */
struct row_reader;

PS_MUST_USE enum ps_err row_reader_new(struct ps_loop *loop, struct row_reader **ret_reader);
void row_reader_free(struct row_reader *reader);
PS_DEFINE_CLEANUP(struct row_reader, row_reader_free)

/*
 * The row of an object id; valid until the next call.
 * Errors: PS_E_NOT_FOUND, PS_E_INPUT, PS_E_LIMIT (one of no known form), the catalog's
 */
PS_MUST_USE enum ps_err row_reader_get(struct row_reader *reader, struct catalog *catalog,
                                       struct ps_bytes object_id, struct wrapped_row *ret_row);

/*
 * Reads the row of a version that is likely to be asked for in this turn of the loop, while the
 * catalog is looked at anyway. At the end of the turn it is forgotten. What cannot be read is left
 * to row_reader_get.
 */
void row_reader_read_ahead(struct row_reader *reader, struct catalog *catalog,
                           const struct key_version *version);

#endif
