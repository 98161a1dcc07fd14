#ifndef FORMATS_PDF_INTERNAL_H
#define FORMATS_PDF_INTERNAL_H

#include "lib/formats/pdf/document.h"

/* Objects of a document, and octets of structure that are read of it, decompressed ones included.
 */
#define PDF_OBJECTS_MAX 2000000u
#define PDF_WORK_MAX    (32u * 1024u * 1024u)

/*
 * Octets of values among them, objects and trailers. They are the slowest to read, and each is
 * looked through for several keys, while a page, a form and what leads to them are some kilobytes.
 */
#define PDF_VALUES_MAX (2u * 1024u * 1024u)

enum pdf_place { PDF_UNKNOWN, PDF_FREE, PDF_IN_FILE, PDF_IN_STREAM };

struct pdf_entry {
    uint32_t where;  /* offset in the file, or number of the object stream */
    uint16_t second; /* generation */
    uint8_t place;   /* enum pdf_place */
};

/* An object stream, decompressed (ISO 32000-1 section 7.5.7). */
struct pdf_container {
    struct pdf_container *next;
    uint32_t number;
    uint64_t count;
    uint64_t first; /* where the objects begin, behind their numbers and offsets */
    struct ps_buf octets;
};

struct pdf {
    struct ps_bytes file;
    struct pdf_tail tail;
    struct pdf_entry *entries; /* by number; those behind entry_count are unknown */
    uint32_t entry_count;
    struct pdf_container *containers;
    uint64_t work;
    size_t values;  /* of it, in values: at most PDF_VALUES_MAX */
    unsigned depth; /* of objects that are needed to read an object */
};

PS_MUST_USE enum ps_err pdf_bad(const char *what);
PS_MUST_USE enum ps_err pdf_unsupported(const char *what);
/* Counts octets that were read, white space too: whoever reads some twice counts them twice.
 * Errors: PS_E_LIMIT. */
PS_MUST_USE enum ps_err pdf_work(struct pdf *pdf, uint64_t octets);
/* Takes a value and counts it, white space before it, too. */
PS_MUST_USE enum ps_err pdf_read_value(struct pdf *pdf, struct ps_bytes *rest,
                                       struct pdf_value *ret_value);

/* xref.c: fills tail and entries. */
PS_MUST_USE enum ps_err pdf_read_xref(struct pdf *pdf);

/* stream.c: appends what a stream holds; *rest stands behind its dictionary. */
PS_MUST_USE enum ps_err pdf_read_stream(struct pdf *pdf, struct pdf_value dict,
                                        struct ps_bytes rest, struct ps_buf *out);

#endif
