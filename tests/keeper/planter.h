#ifndef TESTS_KEEPER_PLANTER_H
#define TESTS_KEEPER_PLANTER_H

#include "tests/keeper/draft.h"

#include "keystore/log/leaf.h"
#include "lib/base/loop.h"

/*
 * Somebody who can write to the disk and puts leaves behind the end of `events`, while the keeper
 * is not there.
 */
struct planter {
    struct ps_loop *loop;
    struct log_writer *writer;
    struct log *log;
    char directory[200];
    uint64_t time_ns; /* of its leaves; 0: of now */
};

/* Kills the keeper. An empty directory becomes a log. */
void planter_begin(struct planter *planter, struct stack *stack);
void planter_end(struct planter *planter);

void planter_put_octets(struct planter *planter, struct ps_bytes octets);
void planter_put(struct planter *planter, const struct event_leaf *leaf);
/* A leaf that the client `tester` caused. */
void planter_put_data(struct planter *planter, const char *kind, const struct ps_buf *data);
void planter_put_draft(struct planter *planter, const struct draft *draft);

/* What is said to be `person`'s. */
struct planted {
    const char *kind;
    const char *person;
    const struct ssh_test_key *key;
    const char *namespace; /* NULL: of the kind */
};
struct planted planted_by(const char *kind, const char *person);
void planter_put_signature(struct planter *planter, const struct draft *draft,
                           const struct planted *signature);
/* With a request and two approvals that are as they should be. */
void planter_put_approved(struct planter *planter, const struct draft *draft);
/* caller: NULL: none */
void planter_put_intent(struct planter *planter, const struct draft *draft, const char *caller);
/* effects: a JSON array */
void planter_put_result(struct planter *planter, const struct draft *draft, const char *effects);

/* --- Documents that the appliance did not write --- */

/* The octets of a member's value, which is a string without an escape. */
struct ps_bytes planter_value_of(const struct ps_buf *document, const char *member);
void planter_replace_value(struct ps_buf *document, const char *member, const char *value);

#endif
