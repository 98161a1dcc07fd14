#ifndef FORMATS_PEM_H
#define FORMATS_PEM_H

#include "lib/base/buf.h"

/* Textual encodings of DER (RFC 7468). */

#define PEM_CERTIFICATE "CERTIFICATE"

/*
 * Takes the next text with this label from the front of `text`, which moves behind it, and appends
 * its octets to `out`. White space around and inside is passed over; anything else is not: there is
 * no explanatory text, and no text with another label.
 * Errors: PS_E_NOT_FOUND (only white space is left), PS_E_INPUT, those of the buffer.
 */
PS_MUST_USE enum ps_err pem_take(struct ps_bytes *text, const char *label, struct ps_buf *out);

/* One text, in lines of 64 characters. */
void pem_put(const char *label, struct ps_bytes der, struct ps_buf *out);

#endif
