#ifndef KEYSTORE_TOKENS_APPROVAL_H
#define KEYSTORE_TOKENS_APPROVAL_H

#include "keystore/tokens/tokens.h"

/* Which tokens people let the appliance use. */

/*
 * Which token may be logged in to, by which module and with which firmware and profile: what was
 * approved, where empty is any (before genesis nothing is). Logs in wherever a process waits for
 * it.
 */
struct token_identity {
    struct ps_bytes serial;
    struct ps_bytes module_hash;
    struct ps_bytes firmware;
    struct ps_bytes profile;
    struct ps_bytes profile_hash;
};
void tokens_approve(struct token *token, const struct token_identity *identity);
void tokens_withdraw_approval(struct token *token);
void tokens_dismiss(struct token *token); /* the same, and logs it out until it is approved again */
bool tokens_is_approved(const struct token *token);

#endif
