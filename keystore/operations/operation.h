#ifndef KEYSTORE_OPERATIONS_OPERATION_H
#define KEYSTORE_OPERATIONS_OPERATION_H

#include "keystore/answer.h"
#include "keystore/callers/authority.h"
#include "keystore/catalog/records.h"
#include "keystore/operations/object.h"
#include "keystore/operations/operation_type.h"
#include "keystore/operations/operations.h"
#include "keystore/writer.h"
#include "lib/base/encode.h"
#include "lib/base/hash.h"

/* An operation as the files of this folder share it. */

#define OPERATION_ID_LEN    32u
#define OPERATION_ID_OCTETS (OPERATION_ID_LEN / 2)
#define NONCE_LEN           16u
#define DOCUMENT_MAX        (40u * 1024u) /* with what surrounds it, it is a leaf of at most 48 KiB */
#define CHANGES_MAX         64u
#define OBJECTS_MAX         128u /* keys that one operation makes */
#define LOCK_MAX            (PS_NAME_MAX + 16u)
#define LOCKS_MAX           (OBJECTS_MAX * LOCK_MAX) /* octets of all of its locks */
#define OPERATIONS_MAX      64u                      /* at the same time */

struct operation;
struct entry;
struct make;
struct made;
struct unproven;

enum operation_step {
    OPERATION_BEGUN,  /* being checked; nothing is written yet */
    OPERATION_INTENT, /* its intent leaf is on the way */
    OPERATION_EXECUTING,
    OPERATION_CLEANING,   /* what it left in the token is being destroyed */
    OPERATION_COMMITTING, /* waits for its result leaf and its rows */
    OPERATION_OPEN        /* found after a crash; to be settled */
};

/* An owned change of the catalog. */
struct change {
    enum catalog_kind kind;
    struct ps_buf name;
    uint64_t expected;
    struct ps_buf body;
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
    struct ps_buf ceremony;
    struct ps_buf ceremony_step;
    struct ps_buf if_match;
    struct ps_buf idempotency_key;
    uint8_t body_hash[PS_SHA256_LEN];
    bool has_begun_answer;
    bool is_dry_run;
    uint64_t valid_s; /* how long its document holds; 0: as usual */
    uint64_t created_ns;

    struct json *parser; /* of the document; its values live as long as the operation */
    struct ps_buf resolved;
    struct ps_buf document;
    struct json_value params;
    uint8_t hash[PS_SHA256_LEN]; /* of the document */

    struct ps_buf locks;      /* a line for each */
    struct ps_buf signatures; /* of its people, as its row has them; empty: none */
    struct ps_buf calls;      /* elements of `calls` in its next leaf: see calls.h */
    uint32_t call_count;
    uint32_t calls_left_out;
    struct ps_buf result; /* JSON object: what it made that no other row keeps; or empty */
    struct object objects[OBJECTS_MAX];
    size_t object_count;

    struct change changes[CHANGES_MAX];
    size_t change_count;
    struct entry *draft;   /* what it will be at the gate, while its leaf is on the way; or NULL */
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
    bool is_part;             /* what is being recorded is a part, after which it goes on */
    bool has_intent;          /* its intent leaf is durable */
    bool has_ended;           /* so is the leaf by which it ended another operation */
    bool is_waiting;          /* for a leaf or the token; tells the tick what to leave alone */
    size_t cleaned;           /* of its objects */
    bool goes_on;             /* its execute is to be called again when the token is back */
    bool objects_made;        /* the token may hold something under its ids */
    struct token *token;      /* that its objects are in */
    struct ps_secret *so_pin; /* that a token was told for it last: see so_pin.h */
    struct make *make;
    void (*on_made)(struct operation *op, const struct made *made); /* of the key that is made */
    struct json_value retraced;    /* what a leaf says that it did: see retrace.h */
    void *work;                    /* of the type */
    void (*free_work)(void *work); /* NULL: free() */
    size_t made;                   /* of so many things that it makes, for who asks how it is: */
    size_t to_make;                /* 0: it does not count */
    uint64_t deadline_ns;
};

struct operations {
    struct keeper *keeper;
    struct operation *first;
    size_t count;
    uint8_t last_id[OPERATION_ID_OCTETS]; /* of the newest operation */
    struct operation *committing;
    struct sweep *sweep; /* that is under way: see clean.c */
    uint32_t quiet;      /* tokens, by number, that have done what an earlier keeper asked */
    uint32_t quieting;   /* those that are being waited for */
    uint32_t swept;      /* tokens, by number, that hold no reserved ids of before the start */
    struct unproven *unproven; /* versions of keys that a token has to show */
    bool was_proving;          /* when it was last looked at */
    struct ps_buf restored;    /* data of a result whose bookkeeping is to be made up for */
};

#endif
