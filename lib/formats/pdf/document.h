#ifndef FORMATS_PDF_DOCUMENT_H
#define FORMATS_PDF_DOCUMENT_H

#include "lib/formats/pdf/syntax.h"

/*
 * A PDF file, read as far as signing needs it: the cross-reference sections (tables and streams,
 * hybrid files, any number of updates), objects by number, the page tree. It is strict: what
 * another reader would have to guess or repair is refused. Memory and work are bounded whatever the
 * file says, since nobody vouches for it.
 *
 * Errors, of all of this: PS_E_INPUT (malformed; the detail says what and how to mend it),
 * PS_E_STATE (well-formed, but not one that can be signed), PS_E_LIMIT (more structure than is
 * read), PS_E_NO_MEMORY.
 */
struct pdf;

/* Whether it begins as a PDF does, which is all that one look can tell. Errors: PS_E_INPUT. */
PS_MUST_USE enum ps_err pdf_check_begin(struct ps_bytes file);

/* The file stays where it is while the pdf lives. */
PS_MUST_USE enum ps_err pdf_open(struct ps_bytes file, struct pdf **ret_pdf);
void pdf_free(struct pdf *pdf);
PS_DEFINE_CLEANUP(struct pdf, pdf_free)

/* What an update of the file has to know. */
struct pdf_tail {
    struct pdf_value trailer; /* the newest */
    uint64_t startxref;       /* where the newest cross-reference section stands */
    uint32_t size;            /* one more than the highest object number */
    bool has_xref_stream;     /* that section is a stream: the next one must be, too */
};
const struct pdf_tail *pdf_tail(const struct pdf *pdf);
struct ps_bytes pdf_file(const struct pdf *pdf);

/* The object of this number; PDF_NULL when there is none (ISO 32000-1 section 7.3.10). */
PS_MUST_USE enum ps_err pdf_object(struct pdf *pdf, struct pdf_reference reference,
                                   struct pdf_value *ret_value);

/* The same value, or what it refers to. */
PS_MUST_USE enum ps_err pdf_resolve(struct pdf *pdf, struct pdf_value value,
                                    struct pdf_value *ret_value);

/* The value of a key, or what it refers to. */
PS_MUST_USE enum ps_err pdf_get_resolved(struct pdf *pdf, struct pdf_value dict, const char *key,
                                         struct pdf_value *ret_value);

/* In thousandths of a point. */
struct pdf_rectangle {
    int64_t left;
    int64_t bottom;
    int64_t right;
    int64_t top;
};

struct pdf_page {
    struct pdf_reference reference;
    struct pdf_value dict;
    struct pdf_rectangle media_box;
    unsigned rotate; /* 0, 90, 180 or 270 degrees clockwise */
};

/* `number`: the first is 1. Errors: PS_E_STATE (the document has no such page). */
PS_MUST_USE enum ps_err pdf_find_page(struct pdf *pdf, uint32_t number, struct pdf_page *ret_page);

#endif
