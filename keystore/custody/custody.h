#ifndef KEYSTORE_CUSTODY_CUSTODY_H
#define KEYSTORE_CUSTODY_CUSTODY_H

#include "keystore/custody/pin_set.h"
#include "keystore/internal.h"
#include "keystore/writer.h"

/*
 * The PINs of the tokens: which of those that are at hand may be used, and how officers release
 * one. A token whose PIN was split is attended or not, as the configuration says. An attended one
 * waits after a start, and after a lock, until so many officers have given their shares as the
 * splitting says; they seal them to a key that is made for that and is gone afterwards
 * (gathering.c). The supervisor then keeps the PIN in its memory, so that a keeper that dies comes
 * back alone.
 */
struct custody;

PS_MUST_USE enum ps_err custody_new(struct keeper *keeper, struct custody **ret_custody);
void custody_free(struct custody *custody);
PS_DEFINE_CLEANUP(struct custody, custody_free)

/*
 * A PIN that the supervisor has, before tokens_set_pin: notes whether the token is attended, and
 * where the PIN is from.
 */
void custody_note_pin(struct custody *custody, const struct msg_pin *message);

/*
 * Whether the PIN that the token has may be tried: an attended token takes none from a file once
 * its PIN was split, and none is tried that the check value says is another one. It is forgotten
 * otherwise. Asked when the rows are known, before tokens_approve.
 */
void custody_judge_pin(struct custody *custody, struct token *token);

/*
 * The security officer's PIN: that of an attended token comes from its holders once it was split.
 * custody_takes_so_pin: whether one that is configured is taken; custody_judge_so_pin: forgets it
 * if not. custody_can_gather_so_pin: it is not at hand, and its holders can give it.
 */
bool custody_takes_so_pin(const struct custody *custody, struct ps_bytes name);
void custody_judge_so_pin(struct custody *custody, struct token *token);
bool custody_can_gather_so_pin(const struct keeper *keeper, const struct token *token);
/* Whether the one at hand may be used for this operation: its holders gave it for that one. */
bool custody_so_pin_is_for(const struct custody *custody, const struct token *token,
                           const char *operation);
void custody_forget_so_pin(struct custody *custody, struct token *token);
void custody_forget_released_so_pin(struct custody *custody, struct token *token);
/* Whether the one at hand is that of the next splitting. */
bool custody_has_next_so_pin(const struct keeper *keeper, const struct token *token);

/*
 * Why the security officer's PIN cannot be used: there is none, it is not the one that was split,
 * or the token refused it before; a sentence. NULL: it may be tried, once.
 */
const char *custody_why_no_so_pin(const struct keeper *keeper, const struct token *token);

bool custody_is_attended(const struct custody *custody, const struct token *token);

/*
 * A change of the PIN: `next` is what the token is about to have, and is tried if it refuses the
 * present one; it has it now, and its processes are made anew; it is neither any more.
 * Errors of custody_note_next: PS_E_NO_MEMORY, PS_E_LIMIT.
 */
PS_MUST_USE enum ps_err custody_note_next(struct custody *custody, const struct token *token,
                                          struct ps_bytes next);
void custody_replace_pin(struct custody *custody, struct token *token, struct ps_bytes next);
void custody_forget_next(struct custody *custody, const struct token *token);
void custody_forget_pin(struct custody *custody, struct token *token);
bool custody_try_next(struct custody *custody, struct token *token);

/* Ends the processes of the token, which are started anew, and log in. */
void custody_restart(struct custody *custody, struct token *token);
#define CUSTODY_RESTART "pin-changed"

/* Whether the PIN with which the token was logged in is that of the next splitting. */
bool custody_has_next_pin(const struct custody *custody, const struct token *token);

/* Whether it waits for officers: it has to log in, and nobody has its PIN. */
bool custody_waits(const struct custody *custody, const struct token *token);

/*
 * Whether its shares are asked for: it waits; or it works, since a keeper before this one has
 * logged in to it, and nobody has its PIN any more.
 */
bool custody_wants_shares(const struct custody *custody, const struct token *token);

/* Why a token that waits does: {"code", "detail"}, into an array that is open. */
void custody_put_reason(const struct custody *custody, const struct token *token,
                        struct writer *json);

/* "attended" when a token is, else "unattended". */
const char *custody_mode(const struct custody *custody);

/*
 * Warnings {"code", "detail"}, into an array that is open: splittings of which a holder has left or
 * has other keys now.
 */
void custody_put_warnings(const struct custody *custody, struct writer *json);

/* Alarms for those warnings: at a start, and when people changed. */
void custody_check_holders(struct custody *custody);

/*
 * Something changed: makes a key for shares of each PIN that begins to be waited for, forgets it
 * when it is not any more, and brings the console up to date; at the end of this turn of the loop.
 */
void custody_look(struct custody *custody);

/* Rows of splittings did: a PIN that was refused, and that none of them is of, is forgotten. */
void custody_pins_changed(struct custody *custody);

/* The console's listening socket, which is taken over. */
PS_MUST_USE enum ps_err custody_serve_console(struct custody *custody, int fd);

/* A share, sealed; answered once. GET /v1/unlock, and the same as an answer to a share. */
void custody_take_share(struct custody *custody, const struct reply_to *to,
                        const struct msg_unlock_share *message);
void custody_put_unlock(struct custody *custody, struct writer *json);

#endif
