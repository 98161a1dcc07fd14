#ifndef KEYSTORE_TOKENS_UNREADY_H
#define KEYSTORE_TOKENS_UNREADY_H

#include "keystore/tokens/tokens.h"

/* Calls of a token that nobody is logged in to. Errors: as tokens_call. */

/* At a process in this state: to initialise a blank token. */
PS_MUST_USE enum ps_err tokens_call_in_state(struct token *token, enum token_state state,
                                             const struct ipc_message *info, const void *message,
                                             token_answer_fn *fn, void *context);

/*
 * At a process that is logged in, else at one that is not, if its token and module are those that
 * people approved.
 */
PS_MUST_USE enum ps_err tokens_call_approved(struct token *token, const struct ipc_message *info,
                                             const void *message, token_answer_fn *fn,
                                             void *context);

#endif
