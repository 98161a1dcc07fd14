#ifndef TESTS_KEEPER_OFFLINE_H
#define TESTS_KEEPER_OFFLINE_H

#include "tests/keeper/leaves.h"

#include "lib/ceremony/log/report.h"
#include "lib/ceremony/replay/replay.h"

/*
 * A log as who verifies it offline sees it: a real one, and the same with some of its leaves
 * changed, left out, or in another place, as an appliance that somebody has taken over could have
 * written and signed it.
 */

#define OFFLINE_TEXT 16384u

struct offline_story {
    bool is_chosen;
    const char *without; /* no leaf of operations of this type ... */
    const char *of;      /* ... about this */
    const char *type;    /* of operations of this type; NULL: family.make_key ... */
    const char *later;   /* ... those about this come last; */
    const char *kind;    /* in the leaf of this kind ... */
    const char *about;   /* ... about this, and of the type above */
    const char *from;    /* this text is another one, once */
    const char *to;
    const char *words; /* NULL: nothing is wrong */
};

struct offline_seen {
    char failures[OFFLINE_TEXT];
    char keys[1024]; /* "f.one 1/3 f.;" */
    char notes[OFFLINE_TEXT];
};

/* Ends the stack's keeper and keeps each leaf of its log, for all that follows, until forgotten. */
void offline_keep(struct stack *stack);
void offline_forget(void);

/* The log as it is: nothing is wrong with it, also where its leaves are chosen ones; of families it
 * has these keys. */
void offline_check_real(const char *keys);
/* Each of some stories has its words. */
void offline_check(const struct offline_story *stories, size_t count);

/* Those of a replay or of a transcript, with a struct offline_seen. */
void offline_take_row(void *context, const struct log_row *row);
enum ps_err offline_on_operation(void *context, const struct replay_operation *operation);

struct ps_bytes offline_genesis(void);
/* The id of the first operation of this type about this. */
const char *offline_operation_of(const char *type, const char *name);

#endif
