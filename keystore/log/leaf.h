#ifndef KEYSTORE_LOG_LEAF_H
#define KEYSTORE_LOG_LEAF_H

#include "keystore/log/tree.h"
#include "lib/base/algorithm.h"

/*
 * Leaves: RFC 8785 JSON objects. The encoding is permanent; docs/log-format.md is its
 * specification and tests/vectors/log/ its vectors. Reading them is lib/ceremony/log/leaf.h.
 *
 * Errors are the buffer's own (PS_E_LIMIT, PS_E_NO_MEMORY), sticky as ever. Text that is no UTF-8
 * or no valid name is written, but such a leaf does not verify: callers check names before.
 */

/* One use of a key. */
struct use_leaf {
    uint64_t time_ns;
    struct ps_bytes caller; /* client name */
    struct ps_bytes key;
    uint32_t version;      /* from 1 */
    const char *operation; /* "sign", later "decrypt", "mac", ... */
    enum ps_format format; /* PS_FORMAT_NONE: the member is left out */
    enum ps_alg algorithm; /* PS_ALG_NONE: the same */
    struct ps_bytes request_id;
    struct ps_bytes serial; /* of a certificate that was issued; empty: the member is left out */
    struct ps_bytes hash;   /* SHA-256 of the signature in its log form; 32 octets */
};
void leaf_put_use(const struct use_leaf *leaf, struct ps_buf *out);

/*
 * An event. `data` is an RFC 8785 JSON object that depends on the kind, or empty. Kinds: "genesis",
 * "start", "stop", "state", "alarm", "refusal", "intent", "result", "shard", ...; [a-z][a-z0-9-]*,
 * at most 32. The data of "genesis" has a member "log_key", the verifier key of `events`
 * (note_put_key), from which every other checkpoint's verifier follows.
 */
struct event_leaf {
    uint64_t time_ns;
    const char *kind;
    struct ps_bytes caller;     /* empty: the appliance itself */
    struct ps_bytes request_id; /* empty: none */
    struct ps_bytes data;
};
void leaf_put_event(const struct event_leaf *leaf, struct ps_buf *out);

/* The data of the kind "shard": a complete shard of the log `log` ("use"). */
void leaf_put_shard_data(const char *log, const struct tree_info *shard, struct ps_buf *out);

#endif
