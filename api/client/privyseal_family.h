#ifndef API_CLIENT_PRIVYSEAL_FAMILY_H
#define API_CLIENT_PRIVYSEAL_FAMILY_H

/* Stands beside this one, in the tree and where it is installed. */
#include "privyseal.h"

/* Keys that a client makes by itself, of a family that people have approved; see privyseal(3). */

struct privyseal_new_key {
    const char *family; /* the prefix of its keys */
    const char *name;   /* of the key, 1 to 128 characters: begins with the prefix, and goes on */
};

struct privyseal_made_key {
    const char *kid;                /* "" of a secret key, as the next */
    const char *public_jwk;         /* JSON object */
    int is_new;                     /* 0: there was this key already, and no second one was made */
    struct privyseal_answer answer; /* the key, as GET /v1/keys/{key} has it */
};
PRIVYSEAL_API void privyseal_made_key_clear(struct privyseal_made_key *result);

/*
 * Makes a key, once: a call whose answer was lost is repeated with the same name. Refused with the
 * code "in-flight" while other keys are just being made: then ask again after
 * problem.retry_after_s.
 */
PRIVYSEAL_API PRIVYSEAL_MUST_USE enum privyseal_result
privyseal_make_key(struct privyseal *client, const struct privyseal_new_key *request,
                   struct privyseal_made_key *ret_made);

#endif
