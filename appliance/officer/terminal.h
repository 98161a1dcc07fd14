#ifndef APPLIANCE_OFFICER_TERMINAL_H
#define APPLIANCE_OFFICER_TERMINAL_H

#include "lib/base/buf.h"

/*
 * Writes text to standard output. What came from a file can neither move the cursor nor hide,
 * overwrite or reorder what is shown: everything but newlines that does is written as \u{...}, and
 * octets that are not UTF-8 as \x... Errors: PS_E_NO_MEMORY, PS_E_STORAGE (not all was written)
 */
PS_MUST_USE enum ps_err terminal_print(struct ps_bytes text);

/* Appends text in which a newline is not ours (a file's name) so that it stays one line. */
void terminal_put_line(const char *text, struct ps_buf *out);

/*
 * Asks on the terminal; what is typed from then on has to be exactly `expected`.
 * Errors: PS_E_STATE (standard input or output is no terminal), PS_E_DENIED (something else was
 * typed)
 */
PS_MUST_USE enum ps_err terminal_ask(const char *question, const char *expected);

#endif
