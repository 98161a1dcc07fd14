#ifndef APPLIANCE_TERMINAL_H
#define APPLIANCE_TERMINAL_H

#include "lib/base/buf.h"

/*
 * Writes text to standard output. What came from a file can neither move the cursor nor hide,
 * overwrite or reorder what is shown: everything but newlines that does is written as \u{...}, and
 * octets that are not UTF-8 as \x... Errors: PS_E_NO_MEMORY, PS_E_STORAGE (not all was written)
 */
PS_MUST_USE enum ps_err terminal_print(struct ps_bytes text);

/*
 * Writes octets of somebody else to standard output: to a file or a pipe as they are, to a terminal
 * as terminal_print does. Errors: as terminal_print
 */
PS_MUST_USE enum ps_err terminal_give(struct ps_bytes octets);

/* "program: text" as one line on standard error, in the same form; newlines in it stay. */
PS_PRINTF(2, 3) void terminal_complain(const char *program, const char *format, ...);

/* Appends text in which a newline is not ours (a file's name) so that it stays one line. */
void terminal_put_line(const char *text, struct ps_buf *out);

/* Whether a word of the command line is "--help" or "-h". */
bool terminal_asks_for_help(const char *word);

/* Whether somebody can be asked: standard input and output are a terminal. */
bool terminal_is_there(void);

/*
 * Asks on the terminal for a line, without its newline. `shows`: what is typed is seen.
 * Errors: PS_E_STATE (no terminal), PS_E_DENIED (it ended), PS_E_LIMIT (longer than the buffer's
 * maximum), PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err terminal_read_line(const char *question, bool shows,
                                           struct ps_buf *ret_line);

/*
 * Asks on the terminal; what is typed from then on has to be exactly `expected`.
 * Errors: PS_E_STATE (standard input or output is no terminal), PS_E_DENIED (something else was
 * typed)
 */
PS_MUST_USE enum ps_err terminal_ask(const char *question, const char *expected);

#endif
