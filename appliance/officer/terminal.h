#ifndef APPLIANCE_OFFICER_TERMINAL_H
#define APPLIANCE_OFFICER_TERMINAL_H

#include "lib/base/buf.h"

/*
 * Text for a terminal. What came from a file can neither move the cursor nor hide, overwrite or
 * reorder what is shown: everything but newlines that does is written as \u{...}, and octets that
 * are not UTF-8 as \x...
 */
void terminal_put_visible(struct ps_buf *out, struct ps_bytes text);

/* Writes it so to standard output. Errors: PS_E_NO_MEMORY, PS_E_STORAGE (not all was written). */
PS_MUST_USE enum ps_err terminal_print(struct ps_bytes text);

/*
 * Asks on the terminal; what is typed has to be exactly `expected`.
 * Errors: PS_E_STATE (standard input is no terminal), PS_E_DENIED (something else was typed)
 */
PS_MUST_USE enum ps_err terminal_ask(const char *question, const char *expected);

#endif
