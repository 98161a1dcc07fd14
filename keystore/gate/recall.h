#ifndef KEYSTORE_GATE_RECALL_H
#define KEYSTORE_GATE_RECALL_H

#include "lib/base/buf.h"
#include "lib/base/name.h"
#include "lib/base/reader.h"

/*
 * Leaves of `events` about operations that wait for people, in their order, as the log is read at
 * start: what was neither executed nor ended is there at the end.
 */
/*
 * Leaves of operations that are open at the same time: 80 of them with 64 signatures each, and as
 * many of which their makers were told that the log could not be written.
 */
#define RECALL_MAX 10400u

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
/* So are all: the log was restored. */
void recall_clear(struct recall *recall);

/* Oldest first; NULL past the end. */
const struct recalled *recall_at(const struct recall *recall, size_t index);

/*
 * How the last operations ended that were not executed: those of which a crash may have kept the
 * catalog from hearing. Both texts are cut at the end.
 */
#define RECALL_ENDS 128u
struct recalled_end {
    char operation[33];
    char outcome[16];
};
void recall_note_end(struct recall *recall, struct ps_bytes operation, struct ps_bytes outcome);
/* In no order; NULL past the end. */
const struct recalled_end *recall_end_at(const struct recall *recall, size_t index);

/* Of a snapshot (keystore/snapshot/saved.h). Errors: as recall_take. */
void recall_save(const struct recall *recall, struct ps_buf *out);
PS_MUST_USE enum ps_err recall_resume(struct recall *recall, struct ps_reader *reader);

#endif
