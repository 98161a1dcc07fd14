#ifndef KEYSTORE_OPERATIONS_OPERATION_TYPE_H
#define KEYSTORE_OPERATIONS_OPERATION_TYPE_H

#include "keystore/policy/operations_granted.h"
#include "keystore/writer.h"
#include "lib/formats/json/json.h"

/* A row of the table in types.c: what executes a type of operation. */

struct operation;

struct operation_type {
    const char *name;      /* as in lib/ceremony/operation/types.def, which has its class */
    enum granted_op grant; /* GRANTED_NONE: for local administrators */
    bool before_genesis;
    bool is_own;      /* about the caller: whoever is registered asks for it, on either listener */
    bool by_itself;   /* the appliance begins it, and nobody can ask for it */
    bool narrows;     /* only ever takes capability away: takes effect with its leaf */
    bool needs_token; /* cannot begin while the token is away */
    bool settles_early; /* its settle looks itself how the token is, and whether it is quiet */
    bool settles_unconfigured; /* its settle says itself what is left in a token of no configuration
                                */
    /* Of which token the SO PIN is needed: see so_pin.h. NULL: of none. */
    bool (*needs_so_pin)(struct json_value params, struct ps_bytes *ret_token);
    /*
     * Reads what was asked for and writes the resolved parameters, all that the document says of
     * it. False when the matter is at an end already: operation_refuse was called.
     */
    bool (*resolve)(struct operation *op, struct json_value request);
    /*
     * Takes the locks that op->params alone name: before `check`, and by a start that finds it
     * begun. Each type that is settled has it. NULL: `check` takes what it needs.
     */
    void (*lock)(struct operation *op);
    /*
     * Whether what op->params say is possible as things stand: reads the revision, takes locks.
     * An operation that waited for people is checked again when it is executed. False as above, or
     * since there is nothing to change: operation_exists.
     */
    bool (*check)(struct operation *op);
    /*
     * The rows that it changes, from op->params and what is there. It is asked twice: when the
     * operation is executed, and at a start, of a result that no checkpoint covers (retrace.h).
     * NULL: it changes none.
     */
    enum ps_err (*rows)(struct operation *op);
    /* They follow from rows that others change meanwhile, without its lock: made when it is its
     * turn to be recorded, and not at its execution. */
    bool rows_in_turn;
    /*
     * Ends in operation_done or operation_failed, at once or later. Parameters: op->params. NULL:
     * its rows are all that there is to do.
     */
    void (*execute)(struct operation *op);
    /* After a crash: the same ends. NULL: it was not done, since it does nothing in the token. */
    void (*settle)(struct operation *op);
    /* The JSON of the answer, and op->etag and op->location: what is there when it is done. */
    enum ps_err (*describe)(struct operation *op, struct writer *json);
};

#endif
