#ifndef FRONTENDS_CERTIFY_PROVIDERS_CSV_TABLE_H
#define FRONTENDS_CERTIFY_PROVIDERS_CSV_TABLE_H

#include "lib/base/buf.h"

/*
 * A register as CSV (RFC 4180): the first line names the columns, each further one is a person.
 * Every value is text; an empty one is none.
 */
struct csv_table;

#define CSV_COLUMNS_MAX 256u

/*
 * text:    stays valid; UTF-8
 * subject: the column with the subjects of access tokens, which are not empty and not there twice
 * Errors:  PS_E_INPUT (the detail names the line), PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err csv_table_new(struct ps_bytes text, struct ps_bytes subject,
                                      struct csv_table **ret_table);
void csv_table_free(struct csv_table *table);
PS_DEFINE_CLEANUP(struct csv_table, csv_table_free)

/* Appends a person as a JSON object. Errors: PS_E_NOT_FOUND; the buffer's. Any thread. */
PS_MUST_USE enum ps_err csv_table_put(const struct csv_table *table, struct ps_bytes subject,
                                      struct ps_buf *out);

#endif
