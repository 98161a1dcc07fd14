#ifndef CEREMONY_CUSTODY_PAPER_H
#define CEREMONY_CUSTODY_PAPER_H

#include "lib/base/buf.h"

/*
 * Octets as text that is printed, kept in a safe, and typed in again: lines of base32 (RFC 4648
 * section 6, no padding) in groups of four, each with its number in front and four check
 * characters behind, so that a mistake is found with its line. The same octets in one line, for a
 * QR code, begin with "PRIVYSEAL1:".
 *
 *     01 KBJU EQ2Y AEAR CAIC AMCA KBQH BAEQ UCYM  H5QD
 */
enum { PAPER_OCTETS_MAX = 2048, PAPER_TEXT_MAX = 16384 };

void paper_put_lines(struct ps_bytes octets, struct ps_buf *out);
void paper_put_code(struct ps_bytes octets, struct ps_buf *out); /* the line of the QR code */

/*
 * Reads either back. Lower case counts as upper case and 0, 1, 8 as O, I, B, which base32 has not;
 * blanks do not count; lines that begin with '#' are passed over.
 * Errors: PS_E_INPUT; the detail names the line. The buffer's.
 */
PS_MUST_USE enum ps_err paper_read(struct ps_bytes text, struct ps_buf *out);

/*
 * The QR code (ISO/IEC 18004, error correction M) of a text, drawn with half blocks of UTF-8, two
 * rows of it to a line, with its quiet zone.
 * Errors: PS_E_LIMIT (too long for one), the buffer's.
 */
PS_MUST_USE enum ps_err paper_put_qr(struct ps_bytes text, struct ps_buf *out);

#endif
