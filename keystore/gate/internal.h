#ifndef KEYSTORE_GATE_INTERNAL_H
#define KEYSTORE_GATE_INTERNAL_H

#include "keystore/gate/gate.h"
#include "keystore/gate/waiting.h"

#define ENTRIES_MAX 64u /* operations that wait at the same time */

struct arriving;

/* An operation that waits, and what the catalog's row says of it. */
struct entry {
    struct entry *next;
    struct gate *gate;
    struct waiting *waiting;
    char caller[PS_NAME_MAX + 1];
    struct ps_buf request_id;
    uint64_t created_ns;
    uint64_t row_revision;    /* 0: none */
    uint64_t quorum_met_s;    /* when it first was; 0: not yet */
    enum waiting_state state; /* as it was last judged */
    char missing[QUORUM_TEXT_MAX];
    /*
     * Signatures whose leaves are on the way. Leaves become durable in their order, so that none of
     * them outlives the entry: it is neither executed nor cancelled before they are there.
     */
    struct arriving *arriving;
    bool is_executing;
    bool is_ending;          /* its leaf `ended` is on the way: */
    const char *outcome;     /* a literal */
    struct reply_to ends_to; /* who is answered then; peer NULL: nobody */
    struct roster *roster;   /* of a genesis: the people that it makes; else NULL */
    struct policy policy;    /* of a genesis */
};

struct gate {
    struct keeper *keeper;
    struct roster *roster; /* without people: no gate */
    struct policy policy;
    struct entry *first;
    size_t count;
    size_t drafts; /* whose leaf is on the way: they will be entries */
};

/* --- entries.c --- */
struct entry *entry_find(const struct gate *gate, struct ps_bytes id);
struct entry_source {
    struct ps_bytes id;
    struct ps_bytes document;
    const char *caller;
    struct ps_bytes request_id;
    uint64_t created_ns;
};
PS_MUST_USE enum ps_err entry_add(struct gate *gate, const struct entry_source *source,
                                  struct entry **ret_entry);
void entry_remove(struct gate *gate, struct entry *entry);
/* Against what it is judged at this moment. */
struct waiting_view entry_view(const struct gate *gate, const struct entry *entry, uint64_t now_s);
/* Judges it anew and sets state and what is missing; never approved when that cannot be done. */
void entry_judge(const struct gate *gate, struct entry *entry, uint64_t now_s);
/* The row that readers see; a failure is said in a log line, since the log has the truth. */
void entry_store(struct gate *gate, struct entry *entry, const char *state,
                 const struct catalog_answer *answer);
/*
 * The revision of its row, as it is now. Rows are a view for readers: the revision is what is
 * needed to write them again, whoever wrote them meanwhile.
 */
void entry_take_row(struct gate *gate, struct entry *entry);
/* {id, state, type, document, missing}: what the steps answer. */
PS_MUST_USE enum ps_err entry_put_answer(const struct entry *entry, bool with_document,
                                         struct ps_buf *out);

/* --- steps.c --- */
void entry_forget_arriving(struct entry *entry);

/* --- execute.c --- */
void entry_execute(struct gate *gate, struct entry *entry, const struct reply_to *to,
                   const struct msg_operation_step *message);

/* --- ended.c --- */
/* Its leaf, then the end; `to` may be NULL. */
void entry_end(struct gate *gate, struct entry *entry, const char *outcome,
               const struct reply_to *to);

#endif
