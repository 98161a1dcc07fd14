#ifndef PKCS11_TOKEN_TOKEN_H
#define PKCS11_TOKEN_TOKEN_H

#include "lib/base/loop.h"
#include "lib/ipc/messages_supervisor.h"

/*
 * The token process: the only one with a vendor's module in it. It finds the token, logs in with
 * the PIN that the keeper sends, signs, makes keys, and comes back by itself when the token was
 * away. See docs/decisions and lib/ipc/messages_token.h for what it answers.
 */

/* Exit codes beside 0: supervised restarts are right for all but the first. */
enum {
    TOKEN_EXIT_CONFIGURATION = 2, /* profile, URI or path cannot be used */
    TOKEN_EXIT_INTERNAL = 3,
    TOKEN_EXIT_HUNG = 4,   /* a call into the module did not return */
    TOKEN_EXIT_RELOAD = 5, /* the module has to be loaded anew in a new process */
    TOKEN_EXIT_MODULE = 6  /* the module's file is not the one that the supervisor hashed */
};

/*
 * Runs the process until the supervisor's channel ends or msg_stop was obeyed, and returns its exit
 * code. Called when the sandbox is in place, with one thread.
 *
 * supervisor_fd: taken over; the server's side of supervisor_set, msg_token_config already read
 * config:        valid for the life of the process, its octets too
 */
int token_main(struct ps_loop *loop, int supervisor_fd, const struct msg_token_config *config);

#endif
