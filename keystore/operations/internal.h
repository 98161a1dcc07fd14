#ifndef KEYSTORE_OPERATIONS_INTERNAL_H
#define KEYSTORE_OPERATIONS_INTERNAL_H

#include "keystore/answer.h"
#include "keystore/authority.h"
#include "keystore/catalog/records.h"
#include "keystore/operations/operations.h"
#include "keystore/writer.h"
#include "lib/base/encode.h"
#include "lib/base/hash.h"

#define OPERATION_ID_LEN 32u
#define NONCE_LEN        16u
#define DOCUMENT_MAX     (40u * 1024u) /* with what surrounds it, it is a leaf of at most 48 KiB */
#define CHANGES_MAX      64u
#define OBJECTS_MAX      2u
#define LOCKS_MAX        2u
#define LOCK_MAX         (PS_NAME_MAX + 16u)
#define OPERATIONS_MAX   64u /* at the same time */
#define OBJECT_ID_LEN    16u

struct operation;
struct make;

enum operation_step {
    OPERATION_BEGUN,  /* being checked; nothing is written yet */
    OPERATION_INTENT, /* its intent leaf is on the way */
    OPERATION_EXECUTING,
    OPERATION_CLEANING,   /* what it left in the token is being destroyed */
    OPERATION_COMMITTING, /* waits for its result leaf and its rows */
    OPERATION_OPEN        /* found after a crash; to be settled */
};

struct operation_type {
    const char *name;
    char class;
    enum granted_op grant; /* GRANTED_NONE: for local administrators */
    bool before_genesis;
    bool narrows;     /* only ever takes capability away: takes effect with its leaf */
    bool needs_token; /* cannot begin while the token is away */
    /*
     * Checks what was asked for and writes the resolved parameters. Returns false when the matter
     * is at an end already: operation_refuse or operation_exists was called.
     */
    bool (*resolve)(struct operation *op, struct json_value request);
    /* Ends in operation_done or operation_failed, at once or later. Parameters: op->params. */
    void (*execute)(struct operation *op);
    /* After a crash: the same ends. NULL: it was not done, since it does nothing in the token. */
    void (*settle)(struct operation *op);
    /* The JSON of the answer, and op->etag and op->location: what is there when it is done. */
    enum ps_err (*describe)(struct operation *op, struct writer *json);
};

/* An owned change of the catalog. */
struct change {
    enum catalog_kind kind;
    struct ps_buf name;
    uint64_t expected;
    struct ps_buf body;
};

struct object {
    uint8_t id[OBJECT_ID_LEN];
    uint64_t revision; /* of its CATALOG_RESERVED row */
};

struct operation {
    struct operation *next;
    struct operations *operations;
    struct keeper *keeper;
    const struct operation_type *type;
    enum operation_step step;
    struct reply_to to;
    char id[OPERATION_ID_LEN + 1];
    char caller[PS_NAME_MAX + 1]; /* client; "": the appliance itself */
    uint32_t caller_uid;
    struct ps_buf request_id;
    struct ps_buf subject;
    struct ps_buf reason;
    struct ps_buf requester;
    struct ps_buf if_match;
    struct ps_buf idempotency_key;
    uint8_t body_hash[PS_SHA256_LEN];
    bool has_begun_answer;
    bool is_dry_run;
    uint64_t created_ns;

    struct json *parser; /* of the document; its values live as long as the operation */
    struct ps_buf resolved;
    struct ps_buf document;
    struct json_value params;
    uint8_t hash[PS_SHA256_LEN]; /* of the document */

    char locks[LOCKS_MAX][LOCK_MAX];
    size_t lock_count;
    struct object objects[OBJECTS_MAX];
    size_t object_count;

    struct change changes[CHANGES_MAX];
    size_t change_count;
    uint64_t row_revision; /* of its own CATALOG_OPERATION row; 0: none */
    bool is_done;          /* else it failed, and says why: */
    enum ps_problem problem;
    char detail[200];
    uint16_t status; /* of the answer */
    struct ps_buf location;
    struct ps_buf body;
    struct ps_buf etag;
    uint64_t result_event;
    bool is_answered;
    bool is_recorded;         /* the result leaf is durable; the rows may not be */
    bool has_intent;          /* its intent leaf is durable */
    bool is_waiting;          /* for a leaf or the token; tells the tick what to leave alone */
    size_t cleaned;           /* of its objects */
    bool goes_on;             /* its execute is to be called again when the token is back */
    bool objects_made;        /* the token may hold something under its ids */
    struct token *token;      /* that its objects are in */
    struct token_place place; /* where they were made */
    struct make *make;
    void *work; /* of the type; freed with free() */
    uint64_t deadline_ns;
};

struct operations {
    struct keeper *keeper;
    struct operation *first;
    size_t count;
    struct operation *committing;
    bool is_sweeping;
    uint32_t quiet;         /* tokens, by number, that have done what an earlier keeper asked */
    uint32_t quieting;      /* those that are being waited for */
    uint32_t swept;         /* tokens, by number, that hold no reserved ids of before the start */
    struct ps_buf restored; /* data of a result whose bookkeeping is to be made up for */
};

/* --- types.c --- */
const struct operation_type *operation_type_find(struct ps_bytes name);

/* --- operation.c: the life of an operation --- */
struct operation *operation_new(struct operations *operations, const struct operation_type *type);
void operation_free(struct operation *op);

/* Ends of resolve. */
PS_PRINTF(3, 4)
void operation_refuse(struct operation *op, enum ps_problem problem, const char *format, ...);
void operation_refuse_state(struct operation *op, const char *state, const char *detail);
void operation_refuse_error(struct operation *op, enum ps_err err);
/* The same is there already: 200 with what op->body holds. */
void operation_exists(struct operation *op);

/* What it touches: nobody else touches it until the end. */
void operation_lock(struct operation *op, const char *kind, struct ps_bytes name);
/* A CKA_ID for a key that will be made; reserved in the catalog before it is. */
struct object *operation_reserve(struct operation *op);

/* Checks, document, rows, intent; `request` are the parameters as they came. */
void operation_begin(struct operation *op, struct ps_bytes request);

/* Ends of execute and settle. */
void operation_done(struct operation *op);
PS_PRINTF(3, 4)
void operation_failed(struct operation *op, enum ps_problem problem, const char *format, ...);
void operation_failed_error(struct operation *op, enum ps_err err);

/* A row that the operation changes. `expected` 0: makes it. The body is what was put into it. */
struct ps_buf *operation_change(struct operation *op, enum catalog_kind kind, struct ps_bytes name,
                                uint64_t expected);
void operation_remove(struct operation *op, enum catalog_kind kind, struct ps_bytes name,
                      uint64_t expected);

/* --- commit.c --- */
void commit_begin(struct operation *op);
void commit_retry(struct operations *operations);
/* Renders the answer from what is there now. */
PS_MUST_USE enum ps_err commit_describe(struct operation *op);

/* --- document.c --- */
PS_MUST_USE enum ps_err document_build(struct operation *op);
PS_MUST_USE enum ps_err document_parse(struct operation *op, struct ps_bytes document);
void document_put_row(const struct operation *op, const char *state, struct ps_buf *out);
/* Resolved parameters hold numbers as strings of digits (ceremonies.md). */
PS_MUST_USE enum ps_err document_number(struct json_value object, const char *name,
                                        uint64_t *ret_number);
PS_MUST_USE enum ps_err document_text(struct json_value object, const char *name,
                                      struct ps_bytes *ret_text);

/* --- idempotency.c --- */
/* True: the request was answered, by what is remembered or by a refusal. */
bool idempotency_replay(struct operation *op);
/* Notes it as in flight. False: refused. */
bool idempotency_begin(struct operation *op);
void idempotency_forget(struct operation *op);
/* The answer to remember, valid with `memory`. False: there is no key. */
bool idempotency_put_answer(const struct operation *op, struct ps_buf *memory,
                            struct catalog_answer *ret_answer);

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

/* --- rows.c: rows for those that change them --- */
struct row {
    struct ps_buf memory;
    struct json *parser;
    uint64_t revision;
    struct json_value body;
};
void row_clear(struct row *row);
#define ROW_AUTO PS_CLEANUP(row_clear) struct row
PS_MUST_USE enum ps_err row_read(struct keeper *keeper, enum catalog_kind kind,
                                 struct ps_bytes name, struct row *row);
/* The same as the operation is about to leave it. */
PS_MUST_USE enum ps_err row_read_new(struct operation *op, enum catalog_kind kind,
                                     struct ps_bytes name, struct row *row);

/* --- key_rows.c --- */
PS_MUST_USE enum ps_err key_rows_put(struct operation *op, const struct key *key,
                                     enum key_state state, uint32_t latest);
PS_MUST_USE enum ps_err key_rows_put_version(struct operation *op, const struct key *key,
                                             uint32_t number, enum key_state state);

/* --- key_params.c: a new key as the document says it --- */
/* Writes the resolved parameters of a key and of its first version. */
void key_params_put(const struct key_record *record, const struct object *object,
                    const struct token_view *token, struct ps_buf *out);
PS_MUST_USE enum ps_err key_params_read(struct operation *op, struct key_record *ret_record);
/* An object id in hex of the params, as the operation's object `at`. */
PS_MUST_USE enum ps_err key_params_object(struct operation *op, size_t at);

/* --- clients.c, for genesis --- */
void client_params_put(const struct client_record *record, struct ps_buf *out);
PS_MUST_USE enum ps_err client_params_to_row(struct json_value params, struct ps_buf *out);

/* --- genesis.c --- */
void genesis_go_on(struct operation *op);

/* --- the types --- */
enum ps_err genesis_describe(struct operation *op, struct writer *json);
enum ps_err key_describe(struct operation *op, struct writer *json);
enum ps_err client_describe(struct operation *op, struct writer *json);
enum ps_err grant_describe(struct operation *op, struct writer *json);
enum ps_err set_describe(struct operation *op, struct writer *json);
bool genesis_resolve(struct operation *op, struct json_value request);
void genesis_execute(struct operation *op);
bool key_create_resolve(struct operation *op, struct json_value request);
void key_create_execute(struct operation *op);
void key_create_settle(struct operation *op);
bool key_rotate_resolve(struct operation *op, struct json_value request);
void key_rotate_execute(struct operation *op);
void key_rotate_settle(struct operation *op);
bool key_state_resolve(struct operation *op, struct json_value request);
void key_state_execute(struct operation *op);
bool key_destroy_resolve(struct operation *op, struct json_value request);
void key_destroy_execute(struct operation *op);
void key_destroy_settle(struct operation *op);
bool client_register_resolve(struct operation *op, struct json_value request);
void client_register_execute(struct operation *op);
bool client_state_resolve(struct operation *op, struct json_value request);
void client_state_execute(struct operation *op);
bool client_remove_resolve(struct operation *op, struct json_value request);
void client_remove_execute(struct operation *op);
bool grant_add_resolve(struct operation *op, struct json_value request);
void grant_add_execute(struct operation *op);
bool grant_revoke_resolve(struct operation *op, struct json_value request);
void grant_revoke_execute(struct operation *op);
bool set_put_resolve(struct operation *op, struct json_value request);
void set_put_execute(struct operation *op);
bool set_remove_resolve(struct operation *op, struct json_value request);
void set_remove_execute(struct operation *op);

#endif
