#ifndef FRONTENDS_PLUGINS_REGISTRY_CSV_H
#define FRONTENDS_PLUGINS_REGISTRY_CSV_H

#include "lib/base/buf.h"

#define CSV_FIELDS_MAX 64u
#define CSV_RECORD_MAX (1024u * 1024u)

/*
 * Comma-separated values (RFC 4180), with LF as well as CRLF. Strict: a quote stands at the start
 * of a field or doubled within quotes, nowhere else.
 */
struct csv {
    struct ps_bytes left;
    unsigned line; /* where the last record began, from 1 */
    unsigned lines;
};

/* One record; its fields, unquoted, stand in `text` one after the other. */
struct csv_record {
    struct ps_buf text;
    size_t ends[CSV_FIELDS_MAX];
    size_t count;
};
#define CSV_RECORD_AUTO PS_CLEANUP(csv_record_clear) struct csv_record
void csv_record_clear(struct csv_record *record);

/* text: outlives it. Of a byte order mark at its start no notice is taken. */
struct csv csv_begin(struct ps_bytes text);

/*
 * The next record that is not an empty line; *ret_there is false at the end.
 * Errors: PS_E_INPUT (the detail names the line), PS_E_LIMIT, PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err csv_next(struct csv *csv, struct csv_record *record, bool *ret_there);

struct ps_bytes csv_field(const struct csv_record *record, size_t index);

#endif
