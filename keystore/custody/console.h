#ifndef KEYSTORE_CUSTODY_CONSOLE_H
#define KEYSTORE_CUSTODY_CONSOLE_H

#include "keystore/internal.h"

/*
 * The console: a Unix socket on which local administrators read what the keeper itself says, and
 * no api process passes on. Whoever connects is sent the page, and again whenever it changes; what
 * they send is not read. The page is text for people.
 */
#define CONSOLE_PAGE_MAX 65536u

struct console;

PS_MUST_USE enum ps_err console_new(struct keeper *keeper, struct console **ret_console);
void console_free(struct console *console);
PS_DEFINE_CLEANUP(struct console, console_free)

/* Takes over a listening socket, in place of an earlier one. */
PS_MUST_USE enum ps_err console_listen(struct console *console, int fd);

/* Sends the page to everybody, unless it is what they were sent last. */
void console_show(struct console *console, struct ps_bytes page);

#endif
