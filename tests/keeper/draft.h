#ifndef TESTS_KEEPER_DRAFT_H
#define TESTS_KEEPER_DRAFT_H

#include "tests/keeper/people.h"
#include "tests/keeper/stack.h"

/*
 * An operation on its way through the gate, as the people of a stack take it. Each step gives the
 * status of its answer and the body, or the problem's code, as stack_change does.
 */
struct draft {
    char id[33];
    struct ps_buf document; /* the exact octets */
};

void draft_clear(struct draft *draft);
#define DRAFT_AUTO PS_CLEANUP(draft_clear) struct draft

/* Asks; 202: the operation waits, and `ret_draft` has it. Clear it when done. */
unsigned draft_ask(struct stack *stack, const struct msg_change *message, struct draft *ret_draft,
                   struct ps_buf *out);

/* What is in the body of a 202. */
void draft_take(struct ps_bytes answer, struct draft *ret_draft);

/* Any verb with any parameters. */
unsigned draft_step(struct stack *stack, const struct draft *draft, const char *verb,
                    struct ps_bytes parameters, struct ps_buf *out);

/* A person's own signature. verb: "request", "approvals", "rejections" or "statements" */
unsigned draft_sign(struct stack *stack, const struct draft *draft, const char *verb,
                    const char *person, struct ps_buf *out);

/* Whether it waits for the newcomer's statement. */
bool draft_wants_statement(const struct ps_buf *answer);

/* Request, statement and approvals until it is approved; 200, or what the first step that failed
 * answered. */
unsigned draft_approve(struct stack *stack, const struct draft *draft, struct ps_buf *out);

unsigned draft_execute(struct stack *stack, const struct draft *draft, struct ps_buf *out);

#endif
