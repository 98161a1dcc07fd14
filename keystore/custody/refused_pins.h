#ifndef KEYSTORE_CUSTODY_REFUSED_PINS_H
#define KEYSTORE_CUSTODY_REFUSED_PINS_H

#include "keystore/internal.h"

/*
 * A PIN that a token refused is remembered over restarts, so that it is never tried twice: many
 * tokens lock themselves after three tries. What is kept in the data directory are salted scrypt
 * values of the last four, enough to recognise the same wrong PIN and good for nothing else.
 */

/* Remembers the token's present PIN as refused. */
void keeper_refuse_pin(struct keeper *keeper, struct token *token);

/* Before the first log-in: says whether the configured PIN is one that was refused. */
void keeper_check_pins(struct keeper *keeper, struct token *token);

/*
 * The same for the security officer's PIN, which is used where an operation needs it: of that which
 * was tried, and of that which is at hand.
 */
void keeper_refuse_so_pin(const struct keeper *keeper, const struct token *token,
                          struct ps_bytes pin);
bool keeper_so_pin_was_refused(const struct keeper *keeper, const struct token *token);

#endif
