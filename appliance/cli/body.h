#ifndef APPLIANCE_CLI_BODY_H
#define APPLIANCE_CLI_BODY_H

#include "appliance/cli/cli.h"

/* What the commands that send a file and print a member of the answer have in common. */

#define CLI_BODY_MAX (2u * 1024u * 1024u)

/* CLI_DONE when --with names a key; else it says so and is CLI_USAGE. */
int cli_needs_key(const struct cli_run *run);

/* The body from the options, open at its end for more members. */
PS_MUST_USE enum ps_err cli_begin_body(const struct cli_run *run, struct ps_buf *body);

/* Further members. */
void cli_put_text(const char *name, struct ps_bytes text, struct ps_buf *body);
void cli_put_octets(const char *name, struct ps_bytes octets, struct ps_buf *body); /* base64url */

/* Of an answer with a plaintext: its octets, or the answer as it is with --json. An exit code. */
int cli_print_plaintext(const struct cli_run *run, struct ps_bytes answer);

/* Of files that are written anew: what the user's umask leaves of 0644. */
unsigned cli_file_mode(void);

/* Keeps what is no secret in a file, whole or not at all. An exit code; it says what is wrong. */
int cli_write_file(const char *path, const struct ps_buf *content);

/* Renders an answer with `valid`: what a script asks for by the exit code is no success if not. */
int cli_render_verdict(const struct cli_run *run, struct ps_bytes answer);

/* Without the white space at its end. */
struct ps_bytes cli_trimmed(struct ps_bytes text);

#endif
