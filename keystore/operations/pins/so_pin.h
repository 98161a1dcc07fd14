#ifndef KEYSTORE_OPERATIONS_PINS_SO_PIN_H
#define KEYSTORE_OPERATIONS_PINS_SO_PIN_H

#include "keystore/operations/operation.h"

/*
 * Operations that a token's security officer has a part in. Where the SO PIN is split, its holders
 * give their shares for one such operation, which waits for people or for more; it is forgotten
 * with that.
 */

/*
 * Whether the SO PIN of the token is at hand; before people have approved, whether its holders can
 * give it yet. False: it was refused, which says what to do.
 */
bool so_pin_will_do(struct operation *op, const struct token *token);
/* Why it cannot be used for this operation, a sentence; NULL: it may be tried, once. */
const char *so_pin_why_not(const struct operation *op, const struct token *token);
/* The one that is configured, or that its holders gave for this operation; empty: there is none. */
struct ps_bytes so_pin_at_hand(const struct operation *op, const struct token *token);

/*
 * The SO PIN that is at hand, for a call: kept with the operation, since the answer is about that
 * one, whatever is at hand by then. Empty: there is none, or no memory.
 */
struct ps_bytes so_pin_take(struct operation *op, const struct token *token);

/*
 * The token refused the one that was taken: that is remembered, with an alarm, and it is not given
 * again; one that its holders gave is forgotten. Says so.
 */
const char *so_pin_refuse(const struct operation *op, struct token *token);

/*
 * For types.c: of which token an operation with these params needs the SO PIN; false: of none. Of
 * one whose params say which PIN; of the token of its params; of the one that keys leave.
 */
bool so_pin_of_choice(struct json_value params, struct ps_bytes *ret_token);
bool so_pin_of_token(struct json_value params, struct ps_bytes *ret_token);
bool so_pin_of_source(struct json_value params, struct ps_bytes *ret_token);

#endif
