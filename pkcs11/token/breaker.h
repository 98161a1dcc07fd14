#ifndef PKCS11_TOKEN_BREAKER_H
#define PKCS11_TOKEN_BREAKER_H

#include "lib/ipc/messages_common.h"

#include <stdint.h>

/*
 * Counts failures that nothing explains while the token says that it is well. After some in a row
 * the module is started anew. When that did not help and it was one key alone both times, it is the
 * key that is broken: it is left aside for a while, and the others go on. Faults of the caller
 * never come here.
 */

enum { BREAKER_FAILURES = 5, BREAKER_ASIDE_MAX = 8 };

enum breaker_verdict {
    BREAKER_GO_ON,
    BREAKER_RELOAD,   /* start the module anew */
    BREAKER_SET_ASIDE /* the key was set aside */
};

struct breaker_key {
    uint8_t id[IPC_OBJECT_ID_MAX];
    size_t id_len;
    uint64_t until_ns;
};

struct breaker {
    unsigned failures; /* in a row */
    bool one_key;      /* all of them with `culprit` */
    struct breaker_key culprit;
    struct breaker_key last; /* the one key of the last reload, until_ns: how long that counts */
    struct breaker_key aside[BREAKER_ASIDE_MAX];
    size_t aside_count;
};

void breaker_succeed(struct breaker *breaker);

/* `now_ns`: monotonic. An empty id stands for what concerns no key. */
enum breaker_verdict breaker_fail(struct breaker *breaker, struct ps_bytes id, uint64_t now_ns);

/* Whether the key is set aside at this time. */
bool breaker_is_aside(struct breaker *breaker, struct ps_bytes id, uint64_t now_ns);

#endif
