#ifndef TESTS_KEEPER_TAP_H
#define TESTS_KEEPER_TAP_H

#include "lib/ipc/frame.h"
#include "lib/ipc/messages_token.h"

/*
 * Between the keeper and a token process: passes on what the two say to each other, counts it, and
 * answers in the place of the token where a test says so.
 */
struct tap;

struct tap *tap_new(void);
void tap_free(struct tap *tap); /* closes what it passes on */

/* Passes on between the two ends of channels, which it takes over, until one of them is closed. */
void tap_join(struct tap *tap, int keeper, int token);

/* Requests of this kind so far. */
unsigned tap_count(struct tap *tap, const struct ipc_message *info);
/* Those of them that what was set then was about. */
unsigned tap_count_meant(struct tap *tap, const struct ipc_message *info);

enum tap_refusal {
    TAP_PASS,
    TAP_REFUSE,       /* the token does not hear of it */
    TAP_REFUSE_AFTER, /* the token does it, and its answer is lost */
    TAP_REFUSE_ONCE,  /* as TAP_REFUSE, and then they pass */
    TAP_REFUSE_AFTER_ONCE,
    TAP_DENY, /* as TAP_REFUSE, and what the keeper is told is that the token will not do it */
    TAP_HOLD, /* the token hears of it after tap_let_go */
    TAP_SPOIL /* it passes, and one bit of the signature that answers it is another */
};

/*
 * What becomes of requests of this kind from now on, when so many have been passed on: the keeper
 * is told that the token is away.
 */
void tap_set(struct tap *tap, const struct ipc_message *info, unsigned passed,
             enum tap_refusal refusal);

/* The same, of requests alone that have this text in them, which has to stay; the others pass. */
void tap_set_about(struct tap *tap, const struct ipc_message *info, const char *text,
                   enum tap_refusal refusal);

/* The same, of requests alone that do not have this text in them. */
void tap_set_but(struct tap *tap, const struct ipc_message *info, const char *text,
                 enum tap_refusal refusal);

/* Requests of this kind that were held so far. */
unsigned tap_held(struct tap *tap, const struct ipc_message *info);

/* What is held now goes on; who comes next is held again. */
void tap_let_go(struct tap *tap);

#endif
