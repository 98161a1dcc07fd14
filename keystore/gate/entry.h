#ifndef KEYSTORE_GATE_ENTRY_H
#define KEYSTORE_GATE_ENTRY_H

#include "keystore/gate/gate.h"
#include "lib/ceremony/waiting.h"

struct arriving;

/* The operation that ends another one. */
struct ending {
    char id[WAITING_ID_LEN + 1]; /* "": none does */
    gate_ended_fn *fn;
    void *context;
};

/* An operation that waits, and what the catalog's row says of it. */
struct entry {
    struct entry *next;
    struct gate *gate;
    struct waiting *waiting;
    char caller[PS_NAME_MAX + 1];
    struct ps_buf request_id;
    uint64_t created_ns;
    uint64_t row_revision;    /* 0: none */
    bool is_row_behind;       /* it could not be written: the tick tries again */
    uint64_t judged_s;        /* when it last was */
    uint64_t quorum_met_s;    /* when it was, and new keys were shown; 0: not yet */
    uint64_t quorum_met_size; /* and how many leaves `events` had, that say so among them */
    enum waiting_state state; /* as it was last judged */
    char missing[QUORUM_TEXT_MAX];
    /*
     * Signatures whose leaves are on the way. Leaves become durable in their order, so that none of
     * them outlives the entry: it is neither executed nor cancelled before they are there.
     */
    struct arriving *arriving;
    bool is_executing;
    bool is_ending;          /* its leaf `ended` is on the way: */
    bool has_ended;          /* with its outcome; it is forgotten with the answer that says so */
    const char *outcome;     /* a literal */
    struct reply_to ends_to; /* who is answered then; peer NULL: nobody */
    struct ending ended_by;  /* or which operation is told */
    struct roster *roster;   /* of a genesis: the people that it makes; else NULL */
    struct policy policy;    /* of a genesis */
};

/* Leaves of it are on the way, or it is being executed: it does not end by itself now. */
static inline bool entry_is_busy(const struct entry *entry)
{
    return entry->is_executing || entry->is_ending || entry->arriving != NULL;
}

/* --- entries.c --- */
struct entry *entry_find(const struct gate *gate, struct ps_bytes id);
/* Of a cancellation: the operation that it ends, by its id. False: it is none. */
bool entry_names_other(const struct operation_document *document, struct ps_bytes *ret_id);
struct entry_source {
    struct ps_bytes id;
    struct ps_bytes document;
    const char *caller;
    struct ps_bytes request_id;
    uint64_t created_ns;
};
/*
 * Makes one that does not wait yet; entry_admit lets it wait, which cannot fail, entry_add does
 * both. Errors: PS_E_INPUT (no document, or a genesis without people), PS_E_NO_MEMORY
 */
PS_MUST_USE enum ps_err entry_new(struct gate *gate, const struct entry_source *source,
                                  struct entry **ret_entry);
void entry_admit(struct entry *entry);
PS_MUST_USE enum ps_err entry_add(struct gate *gate, const struct entry_source *source,
                                  struct entry **ret_entry);
void entry_free(struct entry *entry); /* that does not wait */
void entry_remove(struct gate *gate, struct entry *entry);
/* Against what it is judged at this moment. */
struct waiting_view entry_view(const struct gate *gate, const struct entry *entry, uint64_t now_s);
/* How long it waits after quorum was met: changes of people do. */
uint64_t entry_wait_s(const struct gate *gate, const struct entry *entry);
/* A recovery: witnesses have seen it, if there are any; after a start, what was there then. */
bool entry_is_witnessed(const struct gate *gate, const struct entry *entry);
/*
 * Judges it anew and sets state and what is missing; never approved when that cannot be done. A
 * rejected one stays so, whatever becomes of those who refused.
 */
void entry_judge(const struct gate *gate, struct entry *entry, uint64_t now_s);
/*
 * Adds a signature that is durable, and judges with it. Before that without it: a quorum that was
 * lost meanwhile is met anew, and waits anew. Errors: of waiting_add.
 */
PS_MUST_USE enum ps_err entry_add_signature(struct entry *entry, const struct approval *approval,
                                            uint64_t time_s, struct ps_bytes armored);
/* {id, state, type, document, missing}: what the steps answer. */
PS_MUST_USE enum ps_err entry_put_answer(const struct entry *entry, bool with_document,
                                         struct ps_buf *out);

/* --- rows.c --- */
/* The row that readers see; false and a log line when it is not written: the log has the truth. */
bool entry_store(struct gate *gate, struct entry *entry, const char *state,
                 const struct catalog_answer *answer);
/*
 * The revision of its row, as it is now. Rows are a view for readers: the revision is what is
 * needed to write them again, whoever wrote them meanwhile.
 */
void entry_take_row(struct gate *gate, struct entry *entry);
/* Who signed what, with which key and when, and what became of it: an array. */
void entry_put_signatures(const struct entry *entry, struct ps_buf *out);
/* At start: what ended while its row was not written. */
void rows_close_ended(struct gate *gate, const struct recall *recall);

#endif
