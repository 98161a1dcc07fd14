#ifndef KEYSTORE_OPERATIONS_MAKE_H
#define KEYSTORE_OPERATIONS_MAKE_H

#include "keystore/operations/operation.h"

/* --- make.c: a key pair in the token, read back and tried --- */
struct make_spec {
    struct keeper *keeper;
    struct token *token;
    enum ps_key_type type;
    enum ps_usage usage;
    const enum ps_alg *algorithms;
    size_t algorithm_count;
    struct ps_bytes label;
    uint32_t version; /* that it will be, of the key `label` */
    bool is_wrapped;  /* it lives outside the token: `wrapped` of the object is what it made */
    bool is_carried;  /* to other tokens, one day */
    bool for_secrets; /* of one that wraps: secret keys, and no others */
    /*
     * After a crash: the token is looked at first, and what is there whole is taken. What is not is
     * destroyed and made anew, or it has failed.
     */
    bool looks_first;
    bool makes_anew;
};
struct made {
    struct ps_bytes spki;
    const char *kid;
    struct ps_bytes check; /* of a secret key: TOKEN_CHECK_TEXT */
};
/*
 * Who hears how it ended, made or failed, once; never during make_begin. answered: of each answer
 * of the token meanwhile, before anything comes of it; NULL: nobody hears of those.
 */
struct make_calls {
    void (*answered)(void *context, const struct token_answer *answer);
    void (*made)(void *context, const struct made *made);
    void (*failed)(void *context, enum ps_problem problem, const char *detail);
};
/*
 * The object has its id, and its place is set as soon as a process answered; it stays where it is
 * until one of the calls.
 */
PS_MUST_USE enum ps_err make_new(const struct make_spec *spec, struct object *object,
                                 const struct make_calls *calls, void *context,
                                 struct make **ret_make);
void make_free(struct make *make);
PS_MUST_USE enum ps_err make_begin(struct make *make);

/* --- make_one.c: the one key of an operation --- */
typedef void made_fn(struct operation *op, const struct made *made);
/* Calls `fn`, or operation_failed after destroying what there may be. */
void make_key(struct operation *op, const struct make_spec *spec, struct object *object,
              made_fn *fn);
/* After a crash: takes what is there if it is whole. */
void make_settle(struct operation *op, const struct make_spec *spec, struct object *object,
                 made_fn *fn);

/* --- clean.c --- */
/* Destroys the operation's objects, trying until the token answers; then it has failed. */
void clean_and_fail(struct operation *op);
void clean_retry(struct operation *op);
/* The row of a reserved id: in which token. */
void reserved_put(const struct token *token, struct ps_buf *out);
/* Destroys what is reserved from before, when the token is there. */
void clean_sweep(struct operations *operations);
/* The same for a token that is being taken in; `fn` hears whether all went. */
void clean_sweep_then(struct operation *op, void (*fn)(struct operation *op, bool is_clean));
/* When the keeper ends: nobody hears of a sweep that is under way. */
void clean_free(struct operations *operations);

/* --- settle.c --- */
/* Nothing is looked for or destroyed while an earlier keeper's calls may still be running. */
bool settle_is_quiet(struct operations *operations, struct token *token);
bool operation_is_alive(const struct operations *operations, const struct operation *op);
void settle_open(struct operation *op);
/*
 * Its end when the token has left the configuration: nobody can ask that what it has. What it was
 * making there keeps its reserved ids, so that a sweep destroys it should the token come back.
 * left: what becomes of the rest, a sentence of at most 180 octets
 */
void settle_without_token(struct operation *op, const char *left);
/* Which of its objects' ids are reserved in the catalog still. Errors: PS_E_STORAGE, ... */
PS_MUST_USE enum ps_err settle_take_reserved(struct operation *op);
void remembered_finish(struct operations *operations);
void remembered_free(struct operations *operations);

/* --- schedule.c --- */
void schedule_what_is_due(struct operations *operations);

#endif
