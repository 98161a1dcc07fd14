#ifndef CEREMONY_INTERNAL_H
#define CEREMONY_INTERNAL_H

#include "lib/ceremony/log_files.h"
#include "lib/ceremony/log_leaf.h"
#include "lib/ceremony/log_verify.h"
#include "lib/formats/note.h"

/* What is found goes through here, so that it is counted. */
struct log_report {
    log_row_fn *fn;
    void *context;
    unsigned failures;
    unsigned in_tree; /* failures of the present tree */
};

/* A damaged tree is wrong in many places; the first ones are enough. */
#define LOG_FAILURES_MAX 20u

struct log_where {
    const char *check;
    const char *tree;
    const struct log_place *place; /* NULL: about no one file */
    uint64_t leaf;                 /* or LOG_NOWHERE */
};

PS_PRINTF(4, 5)
void log_report_row(struct log_report *report, enum log_verdict verdict,
                    const struct log_where *where, const char *format, ...);

/* log_tree.c: verifies one tree. */
struct log_tree_request {
    struct log_report *report;
    struct log_files *files;
    struct json *json;
    bool events;                    /* else leaves of uses */
    const struct note_key *key;     /* of this tree; NULL: its checkpoint cannot be verified */
    const struct log_shard *closed; /* what its `shard` leaf says; NULL: none */
    bool closed_covered;            /* and a checkpoint of `events` covers that leaf */
    bool newest;                    /* it may have an unfinished end */
    /* Of `events`: gets each leaf. May be NULL. */
    enum ps_err (*on_event)(void *context, uint64_t index, const struct log_event *event);
    void *context;
};

struct log_tree_result {
    uint64_t size;
    uint64_t covered; /* by a checkpoint that verified */
};

/* PS_OK also when there were failures: they are in the report. */
PS_MUST_USE enum ps_err log_tree_verify(const struct log_tree_request *request,
                                        struct log_tree_result *ret_result);

#endif
