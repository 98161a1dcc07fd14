#ifndef TESTS_KEEPER_LEAVES_H
#define TESTS_KEEPER_LEAVES_H

#include "tests/keeper/stack.h"

#include "lib/ceremony/log/leaf.h"

/* What the log of a stack says, read from its files, also while the keeper runs. */

/* Called for each leaf of `events`, oldest first. */
typedef void leaves_event_fn(void *context, const struct log_event *event);
void leaves_each_event(const struct stack *stack, leaves_event_fn *fn, void *context);

/* A member that is a text, of a leaf's data for example; empty when there is none. */
struct ps_bytes leaves_text(struct json_value object, const char *member);

/*
 * All that `events` says of one operation, in its order: "draft request:alice approve:bob
 * approve:carol intent result:done", or "... ended:rejected".
 */
void leaves_put_story(const struct stack *stack, const char *operation, struct ps_buf *out);

/* Whether it is this story; says what it is when it is not. */
bool leaves_tell(const struct stack *stack, const char *operation, const char *story);

/* Until it is; a failure of the test when it does not come. */
void leaves_wait(const struct stack *stack, const char *operation, const char *story);

/* Leaves of `events` of this kind. */
unsigned leaves_count(const struct stack *stack, const char *kind);
unsigned leaves_count_alarms(const struct stack *stack, const char *code);

/* Called for each leaf of `use`, of all shards, oldest first. */
typedef void leaves_use_fn(void *context, const struct log_use *use);
void leaves_each_use(const struct stack *stack, leaves_use_fn *fn, void *context);

/* The uses of a key, or of all with NULL. */
unsigned leaves_count_uses(const struct stack *stack, const char *key);

#endif
