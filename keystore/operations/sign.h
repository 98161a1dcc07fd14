#ifndef KEYSTORE_OPERATIONS_SIGN_H
#define KEYSTORE_OPERATIONS_SIGN_H

#include "keystore/operations/operation.h"

/*
 * A signature that an operation makes with a key of ours: what is signed was built from what people
 * approved. As on the path of requests it is verified in software against the catalog's public key,
 * and its leaf in `use` is durable before anything is done with it.
 */
struct sign_wish {
    struct key_version *version;
    enum ps_alg algorithm;   /* one of the key's */
    struct ps_bytes message; /* copied */
    const char *use;         /* the leaf's `op`, a literal */
    enum ps_format format;   /* the leaf's */
    struct ps_bytes serial;  /* of a certificate; copied; empty: none */
};

struct signed_octets {
    struct ps_bytes message;
    struct ps_bytes signature; /* raw; ECDSA: R || S */
};
typedef void signed_fn(struct operation *op, const struct signed_octets *made);

/*
 * Calls `fn` once, later; or the operation has failed. The operation's `work` is its own until its
 * end. Tried anew, some times, when a token process goes away.
 */
void operation_sign(struct operation *op, const struct sign_wish *wish, signed_fn *fn);

/* The caller of leaves that the appliance makes by itself; no client has such a name. */
#define SIGN_CALLER_SCHEDULE "privyseal.schedule"

#endif
