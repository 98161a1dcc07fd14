#ifndef FORMATS_PDF_APPEARANCE_H
#define FORMATS_PDF_APPEARANCE_H

#include "lib/formats/pdf/document.h"

/*
 * What a reader sees of a signature on the page: a frame with lines of text in Helvetica, as large
 * as fits, upright on a page that is shown turned. `lines`: UTF-8, a line each, broken further
 * where they are too long. Appends a form XObject (ISO 32000-1 section 8.10), from its dictionary
 * to "endstream". Errors: PS_E_STATE (a letter that the font has not; the text does not fit),
 * PS_E_INPUT (not UTF-8), the buffer's.
 */
PS_MUST_USE enum ps_err pdf_put_appearance(const struct pdf_rectangle *box, unsigned rotate,
                                           const struct ps_bytes *lines, size_t count,
                                           struct ps_buf *out);

/* A number of thousandths, as PDF writes it. */
void pdf_put_thousandths(struct ps_buf *out, int64_t number);

#endif
