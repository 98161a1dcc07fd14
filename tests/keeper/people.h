#ifndef TESTS_KEEPER_PEOPLE_H
#define TESTS_KEEPER_PEOPLE_H

#include "tests/unit/support.h"

struct ssh_test_key; /* ssh_support.h */

/*
 * The people of every stack, with their keys: officers alice, bob, carol and dave, auditors amira
 * and aron. Bob has two keys. Mallory has one, and is nobody of the roster.
 */
#define PEOPLE_REQUESTER "alice" /* of changes that a test does not say more of */

/* Set before a genesis: officer eve is in the roster too, for an hour. */
extern bool people_with_eve;

/* An officer whom no stack begins with. */
#define PEOPLE_NEWCOMER "zack"

/* In the order in which they sign such a change, until it is approved. */
extern const char *const people_approvers[3];

/* Members `roster` and `policy` of a genesis: the usual numbers, and no cooling-off. */
void people_put_genesis(struct ps_buf *out);

/* The name of person `index` of the roster; NULL past the end. */
const char *people_name(size_t index);

/* Which of a person's keys signs. */
enum people_key { PEOPLE_FIRST_KEY, PEOPLE_SECOND_KEY };
const struct ssh_test_key *people_key_of(const char *person, enum people_key which);

/* An armored signature by a person's first key. kind: "request", "approve", "reject", ... */
void people_put_signature(const char *person, const char *kind, struct ps_bytes document,
                          struct ps_buf *out);
/* The same by any key under any namespace. */
void people_put_signature_by(const struct ssh_test_key *key, const char *namespace,
                             struct ps_bytes document, struct ps_buf *out);

/* {"person", "signature"}: what a step takes. */
void people_put_step(const char *person, struct ps_bytes armored, struct ps_buf *out);

#endif
