#ifndef KEYSTORE_TOKENS_USE_H
#define KEYSTORE_TOKENS_USE_H

#include "keystore/tokens/process_set.h"
#include "keystore/tokens/tokens.h"

/* Uses of keys: by which process, and when there is room for another. */
struct token_choice {
    uint32_t cost;                     /* a signature of ES256 is 1; never 0 */
    const struct token_process *avoid; /* failed with it before: only if there is no other */
    const struct process_set *loaded;  /* of a wrapped key: who has it open; opening costs, too */
    bool is_wide;                      /* many wait: a process may have more of them in hand */
};

/* The cheapest to wait for, of those with room; NULL: none (on_room follows). */
struct token_process *tokens_choose(struct token *token, const struct token_choice *choice);

/* What is sent to it now waits as long as 64 signatures of ES256 take each of its sessions. */
bool tokens_process_is_laden(const struct token_process *process);

/* Whether there would be one now; if not, on_room follows when there is. */
bool tokens_has_room(struct token *token, uint32_t cost, bool is_wide);

/*
 * A use by a process that was chosen just now.
 *
 * info:   msg_token_sign_info or msg_token_use_info
 * Errors: PS_E_BUSY (on_room follows), the channel's.
 */
PS_MUST_USE enum ps_err tokens_use(struct token_process *process, const struct ipc_message *info,
                                   const void *message, uint32_t cost, token_answer_fn *fn,
                                   void *context);

#endif
