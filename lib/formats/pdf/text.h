#ifndef FORMATS_PDF_TEXT_H
#define FORMATS_PDF_TEXT_H

#include "lib/base/buf.h"

/*
 * Text in PDF. Text strings (what a viewer shows of the signature) hold any language; what is drawn
 * on the page in one of the standard fonts holds the letters of WinAnsiEncoding only.
 */

/* A text string (ISO 32000-1 section 7.9.2.2): as ASCII if it is, else in UTF-16. `text`: UTF-8. */
void pdf_put_text(struct ps_buf *out, struct ps_bytes text);

/*
 * UTF-8 in WinAnsiEncoding (annex D.2), one octet a letter.
 * Errors: PS_E_STATE (it has a letter that is not in it), PS_E_INPUT (not UTF-8), the buffer's.
 */
PS_MUST_USE enum ps_err pdf_to_win_ansi(struct ps_bytes text, struct ps_buf *out);

/* How wide a line of WinAnsiEncoding is in Helvetica, in thousandths of the font's size. */
uint32_t pdf_helvetica_width(struct ps_bytes line);

/* Octets as a literal string. */
void pdf_put_literal(struct ps_buf *out, struct ps_bytes octets);

/* A date (section 7.9.4) as a literal string: (D:20260102030405Z). */
void pdf_put_date(struct ps_buf *out, uint64_t real_ns);

#endif
