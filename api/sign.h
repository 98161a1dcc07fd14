#ifndef API_SIGN_H
#define API_SIGN_H

#include "api/internal.h"

/*
 * What the signing routes have in common: one item, or `{..., items: [...]}`. Each route is a verb:
 * how an item is read into a message of the keeper, and how its answer is written.
 */

#define SIGN_ITEMS_MAX 1000u

union sign_message {
    struct msg_jws_sign jws;
    struct msg_jwt_sign jwt;
    struct msg_raw_sign raw;
};

struct sign_verb {
    const struct ipc_message *ask;
    const struct ipc_message *expect;
    bool key_in_path;

    /*
     * Reads an item into a message that has its caller, and its key unless that stands in the item.
     * What is read can be written: nothing is signed in vain. Errors: PS_E_INPUT (400), PS_E_STATE
     * (422, refused); the detail names the member.
     */
    enum ps_err (*read)(struct json_value object, bool in_batch, union sign_message *message,
                        struct sign_item *item);

    /* Sets caller, request id and key of a message. */
    void (*address)(const struct exchange *exchange, struct ps_bytes key,
                    union sign_message *message);

    /* Appends a JSON object. */
    void (*write)(const struct sign_item *item, const void *answer, struct ps_buf *out);
};

extern const struct sign_verb sign_jws, sign_jwt, sign_raw;

/* Answers the request of a signing route. */
void sign_begin(struct exchange *exchange, const struct sign_verb *verb);

#endif
