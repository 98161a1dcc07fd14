#ifndef KEYSTORE_OPERATIONS_MAKE_H
#define KEYSTORE_OPERATIONS_MAKE_H

#include "keystore/operations/operation.h"

/* --- make.c: a key pair in the token, read back and tried --- */
struct make_spec {
    struct token *token;
    enum ps_key_type type;
    enum ps_usage usage;
    const enum ps_alg *algorithms;
    size_t algorithm_count;
    const char *label;
};
struct made {
    struct ps_bytes spki;
    const char *kid;
};
typedef void made_fn(struct operation *op, const struct made *made);
void make_free(struct make *make);
/* Calls `fn`, or operation_failed after destroying what there may be. */
void make_key(struct operation *op, const struct make_spec *spec, const struct object *object,
              made_fn *fn);
/* After a crash: takes what is there if it is whole. */
void make_settle(struct operation *op, const struct make_spec *spec, const struct object *object,
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

/* --- settle.c --- */
/* Nothing is looked for or destroyed while an earlier keeper's calls may still be running. */
bool settle_is_quiet(struct operations *operations, const struct token *token);
bool operation_is_alive(const struct operations *operations, const struct operation *op);
void settle_open(struct operation *op);
void restored_finish(struct operations *operations);
void restored_free(struct operations *operations);

/* --- schedule.c --- */
void schedule_what_is_due(struct operations *operations);

#endif
