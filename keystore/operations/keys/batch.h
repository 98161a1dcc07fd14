#ifndef KEYSTORE_OPERATIONS_KEYS_BATCH_H
#define KEYSTORE_OPERATIONS_KEYS_BATCH_H

#include "keystore/operations/keys/new_key.h"

/*
 * The keys of a batch while it is executed: each token process makes one at a time, and what is
 * made is recorded in parts, since no leaf would hold all of it. batch.c makes them, key_batch.c is
 * the operation.
 */
#define BATCH_ATTEMPTS 3u   /* of one key, before all of it fails */
#define BATCH_PART     16u  /* keys that are made before a part is recorded */
#define BATCH_SPKI_MAX 640u /* RSA of 4096 bits has 550 */

enum item_state {
    ITEM_TO_MAKE,
    ITEM_TO_LOOK_FOR, /* it may be in the token, whole or not */
    ITEM_MAKING,
    ITEM_MADE,
    ITEM_RECORDING, /* its rows are in the part that is being recorded */
    ITEM_RECORDED
};

struct batch;

struct item {
    struct batch *batch;
    struct ps_bytes name; /* of the operation's parameters */
    struct object *object;
    enum item_state state;
    unsigned attempts;
    struct make *make; /* while it is being made */
    uint8_t spki[BATCH_SPKI_MAX];
    size_t spki_len;
    char kid[PUBLIC_KEY_KID_LEN + 1];
    uint8_t check[KEY_CHECK_MAX];
    size_t check_len;
};

struct batch {
    struct operation *op;
    struct key_record record; /* what they share; its name is empty */
    uint64_t begun_ns;        /* monotonic */
    uint64_t told_ns;         /* the same: when it was last said how far it is */
    size_t count;
    struct item items[];
};

/*
 * Reads names and ids from the operation's parameters, which are checked: each name and each id is
 * there once. Sets the operation's objects. Errors: PS_E_INPUT, PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err batch_new(struct operation *op, struct batch **ret_batch);
void batch_free(void *batch);

/* Makes what can be made now; the operation's execute is called whenever one has ended. */
void batch_fill(struct batch *batch);
size_t batch_count(const struct batch *batch, enum item_state state);

#endif
