#ifndef TESTS_KEEPER_SHARES_H
#define TESTS_KEEPER_SHARES_H

#include "tests/keeper/stack.h"

/*
 * Officers who hold shares of PINs: their keys, made once for a program, and what they do with
 * them.
 */

/* Parameters of pin.split and pin.change: alice and bob hold shares, and both are needed. */
const char *shares_parameters(void);
const char *shares_so_parameters(void);      /* the same for the security officer's PIN */
const char *shares_of_one_certificate(void); /* one of them could open both */
extern const char *const shares_holders[2];

/*
 * Gives the officer's share of the token's PIN, sealed to the key of the present unlock: the status
 * of the answer, which goes into `out`.
 *
 * is_next: of the splitting of a PIN that is being set
 */
unsigned shares_give(struct stack *stack, const char *officer, const char *token, bool is_next,
                     struct ps_buf *out);

/*
 * The same for any splitting, by its name: "main/so/next". 0: nothing waits, or there is no such
 * splitting.
 */
unsigned shares_give_of(struct stack *stack, const char *officer, const char *splitting,
                        struct ps_buf *out);

/*
 * The two halves of that, for an api process that has its own plans: the share as its officer seals
 * it to the key of the present unlock, false as above; and what is passed on at either of the two.
 */
bool shares_seal(struct stack *stack, const char *officer, const char *splitting,
                 struct ps_buf *out);
/* The same where the SO PIN is asked for by several operations: to the key of this one, by id. */
bool shares_seal_for(struct stack *stack, const char *officer, const char *splitting,
                     const char *operation, struct ps_buf *out);
/* A share of one splitting to the key for another. */
bool shares_seal_crossed(struct stack *stack, const char *officer, const char *splitting,
                         const char *other, struct ps_buf *out);
/* What no officer was given: of a splitting of the SO PIN that there is not. As shares_give_of. */
unsigned shares_give_strange(struct stack *stack, const char *token, struct ps_buf *out);
unsigned shares_pass_on(struct stack *stack, struct wire *api, struct ps_bytes sealed,
                        struct ps_buf *out);
void shares_send(struct wire *api, struct ps_bytes sealed); /* no answer is waited for */

/* All shares of the SO PIN, as often as something waits for them: of the next, then the present. */
void shares_release_so(struct stack *stack, const char *token);

/*
 * As officers do who find a token that waits for its PIN: all shares of the next splitting, if
 * there is one, then those of the present one. Does nothing while no token waits.
 */
void shares_unlock(struct stack *stack, const char *token);

#endif
