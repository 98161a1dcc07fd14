#ifndef KEYSTORE_TOKENS_ORIGIN_H
#define KEYSTORE_TOKENS_ORIGIN_H

#include "keystore/tokens/tokens.h"

/* What the supervisor says of token processes: no module had a part in it. */

struct token_origin {
    struct ps_bytes name;
    uint32_t number;
    struct ps_bytes module_hash; /* SHA-256 of the one file that it may load; 32 octets */
};

/*
 * A new process of a token; it replaces an earlier one of the same number. Takes over `fd`.
 * Errors: PS_E_INPUT (no such name, number or hash), PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err tokens_add_process(struct tokens *tokens, const struct token_origin *origin,
                                           int fd);

/* SHA-256 of the profile that its processes were given, 32 octets, as the supervisor says. */
PS_MUST_USE enum ps_err tokens_set_profile_hash(struct tokens *tokens, struct ps_bytes name,
                                                struct ps_bytes hash);

#endif
