#ifndef CEREMONY_INTERNAL_H
#define CEREMONY_INTERNAL_H

#include "lib/ceremony/log/files.h"
#include "lib/ceremony/log/leaf.h"
#include "lib/ceremony/log/report.h"
#include "lib/ceremony/log/witnessed.h"
#include "lib/formats/tlog/note.h"

/* log_tree.c: verifies one tree. */
struct log_tree_request {
    struct log_report *report;
    struct log_files *files;
    struct json *json;
    bool events;                     /* else leaves of uses */
    const struct note_key *key;      /* of this tree; NULL: its checkpoint cannot be verified */
    const struct log_shard *closed;  /* what its `shard` leaf says; NULL: none */
    const struct checkpoint *known;  /* kept elsewhere: the leaves go on from there; NULL: none */
    bool closed_covered;             /* and a checkpoint of `events` covers that leaf */
    bool newest;                     /* it may have an unfinished end */
    struct log_witnessed *witnessed; /* held against the leaves; NULL: none */
    /* Gets each leaf that is of its schema. May be NULL. */
    enum ps_err (*on_event)(void *context, uint64_t index, bool is_covered,
                            const struct log_event *event);
    /* The same, and only what is covered by a signature. */
    enum ps_err (*on_use)(void *context, const struct log_use *use);
    void *context;
};

struct log_tree_result {
    uint64_t size;
    uint64_t covered;        /* by a checkpoint that verified */
    struct merkle_hash root; /* of these */
};

/* PS_OK also when there were failures: they are in the report. */
PS_MUST_USE enum ps_err log_tree_verify(const struct log_tree_request *request,
                                        struct log_tree_result *ret_result);

#endif
