#ifndef KEYSTORE_OPERATIONS_ROWS_H
#define KEYSTORE_OPERATIONS_ROWS_H

#include "keystore/operations/operation.h"

/* --- rows.c: rows for those that change them --- */
struct row {
    struct ps_buf memory;
    struct json *parser;
    uint64_t revision;
    struct json_value body;
};
void row_clear(struct row *row);
#define ROW_AUTO PS_CLEANUP(row_clear) struct row
PS_MUST_USE enum ps_err row_read(struct keeper *keeper, enum catalog_kind kind,
                                 struct ps_bytes name, struct row *row);
/* The same as the operation is about to leave it. */
PS_MUST_USE enum ps_err row_read_new(struct operation *op, enum catalog_kind kind,
                                     struct ps_bytes name, struct row *row);

#endif
