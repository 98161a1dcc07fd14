#ifndef KEYSTORE_GATE_RECALL_H
#define KEYSTORE_GATE_RECALL_H

#include "lib/base/buf.h"
#include "lib/base/name.h"

/*
 * Leaves of `events` about operations that wait for people, in their order, as the log is read at
 * start: what was neither executed nor ended is there at the end.
 */
/*
 * Leaves of operations that are open at the same time: 64 of them with 64 signatures each, and as
 * many of which their makers were told that the log could not be written.
 */
#define RECALL_MAX 8320u

struct recall;

struct recalled {
    char kind[16]; /* "draft", "signature" */
    char operation[33];
    char caller[PS_NAME_MAX + 1];
    struct ps_buf request_id;
    uint64_t time_ns;
    struct ps_buf data; /* the leaf's, RFC 8785 */
};

PS_MUST_USE enum ps_err recall_new(struct recall **ret_recall);
void recall_free(struct recall *recall);
PS_DEFINE_CLEANUP(struct recall, recall_free)

/* A leaf; its texts are borrowed for the call only. */
struct recall_leaf {
    struct ps_bytes kind;
    struct ps_bytes operation;
    struct ps_bytes caller;
    struct ps_bytes request_id;
    uint64_t time_ns;
    struct ps_bytes data;
};

/* Errors: PS_E_INPUT (a text that is too long), PS_E_LIMIT, PS_E_NO_MEMORY. */
PS_MUST_USE enum ps_err recall_take(struct recall *recall, const struct recall_leaf *leaf);

/* It was executed or has ended: its leaves are of no use any more. */
void recall_forget(struct recall *recall, struct ps_bytes operation);

/* Oldest first; NULL past the end. */
const struct recalled *recall_at(const struct recall *recall, size_t index);

#endif
