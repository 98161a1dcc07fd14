#ifndef KEYSTORE_OPERATIONS_CUSTODY_TRIAL_KEY_H
#define KEYSTORE_OPERATIONS_CUSTODY_TRIAL_KEY_H

#include "keystore/custody/records.h"

/*
 * Keys of no meaning, to show that two tokens hold the same keys that wrap: one makes and wraps
 * them, the other opens them. The private one signs there, and the signature has to verify; the
 * secret one has to open. Nothing of them stays.
 */
struct trial_key;

struct trial_key_spec {
    struct token *from;
    struct token *to;
    struct wrapping_keys keys;
};

/*
 * Called once, unless there is an error; never during trial_key_begin. answered: as in make_calls.
 */
struct trial_key_calls {
    void (*answered)(void *context, const struct token_answer *answer);
    void (*tried)(void *context, bool is_good, const char *detail);
};

PS_MUST_USE enum ps_err trial_key_begin(const struct trial_key_spec *spec,
                                        const struct trial_key_calls *calls, void *context,
                                        struct trial_key **ret_trial);
void trial_key_free(struct trial_key *trial);

#endif
