#ifndef FORMATS_PDF_UPDATE_H
#define FORMATS_PDF_UPDATE_H

#include "lib/formats/pdf/document.h"

/*
 * The update that adds a signature to a PDF (ISO 32000-1 sections 7.5.6 and 12.8): what is appended
 * to the file, whose own octets stay as they are, so that earlier signatures stay valid.
 */

#define PDF_RANDOM_LEN 16u
#define PDF_LINES_MAX  8u

struct pdf_signature {
    uint64_t time_ns;     /* real; shown by viewers, not attested */
    struct ps_bytes name; /* of whoever signs; this and the next two: UTF-8, empty: absent */
    struct ps_bytes reason;
    struct ps_bytes location;
    uint32_t page;                        /* the first is 1 */
    struct pdf_rectangle box;             /* on that page; all 0: nothing is shown */
    struct ps_bytes lines[PDF_LINES_MAX]; /* what the box shows, UTF-8 */
    size_t line_count;
    size_t cms_max; /* octets that the CMS signature will have at most */
    uint8_t random[PDF_RANDOM_LEN];
};

/* Where the signature goes: offsets in file and update together. */
struct pdf_slot {
    size_t begin; /* of "<" */
    size_t end;   /* behind ">" */
    size_t total;
};

/*
 * Appends the update to `out`, which is empty. Everything but the octets from slot.begin to
 * slot.end is what has to be hashed: it does not change any more.
 * Errors: PS_E_STATE (the document's author allows no signature; the page or the box is not there;
 * the text does not fit), and those of document.h.
 */
PS_MUST_USE enum ps_err pdf_put_update(struct pdf *pdf, const struct pdf_signature *signature,
                                       struct ps_buf *out, struct pdf_slot *ret_slot);

/* Writes the CMS signature where there is room for it. Errors: PS_E_LIMIT. */
PS_MUST_USE enum ps_err pdf_fill_slot(struct ps_bytes cms, const struct pdf_slot *slot,
                                      size_t file_len, struct ps_buf *update);

#endif
