#ifndef KEYSTORE_OPERATIONS_OPERATION_H
#define KEYSTORE_OPERATIONS_OPERATION_H

#include "keystore/answer.h"
#include "keystore/authority.h"
#include "keystore/catalog/records.h"
#include "keystore/operations/operations.h"
#include "keystore/writer.h"
#include "lib/base/encode.h"
#include "lib/base/hash.h"

/* An operation as the files of this folder share it. */

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
    const char *name;      /* as in lib/ceremony/operation_types.def, which has its class */
    enum granted_op grant; /* GRANTED_NONE: for local administrators */
    bool before_genesis;
    bool narrows;     /* only ever takes capability away: takes effect with its leaf */
    bool needs_token; /* cannot begin while the token is away */
    /*
     * Reads what was asked for and writes the resolved parameters, all that the document says of
     * it. False when the matter is at an end already: operation_refuse was called.
     */
    bool (*resolve)(struct operation *op, struct json_value request);
    /*
     * Whether what op->params say is possible as things stand: takes locks and reads the revision.
     * An operation that waited for people is checked again when it is executed. False as above, or
     * since there is nothing to change: operation_exists.
     */
    bool (*check)(struct operation *op);
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
    char detail[240];
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

#endif
