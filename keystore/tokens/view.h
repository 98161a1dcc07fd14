#ifndef KEYSTORE_TOKENS_VIEW_H
#define KEYSTORE_TOKENS_VIEW_H

#include "keystore/tokens/tokens.h"

/* What there is to read of a token's processes. */

struct token_view {
    uint32_t number;
    enum token_state state;
    uint32_t generation;
    uint32_t sessions;
    uint32_t reconnects;
    uint32_t wrappable; /* types of keys that it wraps: 1 << enum ps_key_type */
    size_t in_flight;
    struct ps_bytes reason;
    struct ps_bytes label;
    struct ps_bytes serial;
    struct ps_bytes manufacturer;
    struct ps_bytes model;
    struct ps_bytes firmware;
    struct ps_bytes profile;
    struct ps_bytes profile_hash; /* empty: not known */
    struct ps_bytes module_hash;
};

/* False past the last process. */
bool tokens_view(const struct token *token, size_t index, struct token_view *ret_view);
/* Another number whenever a process came, went or found its handles anew. */
uint64_t tokens_epoch(const struct token *token);

/*
 * Waits until every process has done what it was asked before: by a keeper that is no more, for
 * all we know. Not possible while one has not said how it is: false, and `fn` is not called.
 */
typedef void quiet_fn(void *context, struct token *token);
bool tokens_wait_quiet(struct token *token, quiet_fn *fn, void *context);

uint32_t tokens_process_number(const struct token_process *process);
struct token *tokens_process_token(const struct token_process *process);

#endif
