#ifndef KEYSTORE_STATE_STATE_H
#define KEYSTORE_STATE_STATE_H

#include "keystore/answer.h"

/*
 * The state of the appliance: what follows from the reasons, from genesis and from the tokens.
 * The api processes are told whenever it or one of its reasons changes.
 */
PS_MUST_USE enum ps_err state_init(struct keeper *keeper);
void state_clear(struct keeper *keeper);

/* A reason holds or is over. A detail is for people. Says it in a log line when it changes. */
void state_raise(struct keeper *keeper, enum reason reason, const char *detail);
void state_lower(struct keeper *keeper, enum reason reason);

enum appliance_state state_now(const struct keeper *keeper);

/* As genesis made it; before that, as genesis would make it. */
bool state_is_practice(const struct keeper *keeper);

/* Looks again, at the end of this turn of the loop, whether there is something to tell. */
void state_look(struct keeper *keeper);
/* The same at once: who is answered after this finds it so. */
void state_tell_changes(struct keeper *keeper);

/* Tells a new api process how things are. */
void state_tell(struct keeper *keeper, struct api_peer *peer);

/*
 * Whether signatures may be made; if not, *ret_refusal says why. A token that is away is not looked
 * at here: its requests wait a while.
 */
#define STATE_LOCKED_TEXT "the appliance is locked; GET /v1/system says why"
bool state_allows_use(const struct keeper *keeper, struct problem_answer *ret_refusal);
/* Whether one that was begun may still leave: a stop lets it be finished, all else forbids it. */
bool state_allows_release(const struct keeper *keeper, struct problem_answer *ret_refusal);

/* Whether changes may be: PS_PROBLEM_NONE, or why not. They also need the catalog. */
enum ps_problem state_refuses_change(const struct keeper *keeper);

/* Members "state" and "reasons" of an object that is open in `out`. */
struct writer;
void state_put_state(const struct keeper *keeper, struct writer *out);

/* Body of /health/ready and its HTTP status. */
void state_put_ready(const struct keeper *keeper, struct ps_buf *out);
uint16_t state_ready_status(const struct keeper *keeper);

#endif
