#ifndef KEYSTORE_LOG_LEAF_H
#define KEYSTORE_LOG_LEAF_H

#include "lib/base/algorithm.h"
#include "lib/base/buf.h"

/*
 * Leaves: RFC 8785 JSON objects. The encoding is permanent; docs/log-format.md is its
 * specification and tests/vectors/log/ its vectors.
 */

/* One use of a key. */
struct use_leaf {
    uint64_t time_ns;
    struct ps_bytes caller; /* client name */
    struct ps_bytes key;
    uint32_t version;
    const char *operation; /* "sign", later "decrypt", "mac", ... */
    enum ps_format format;
    enum ps_alg algorithm;
    struct ps_bytes request_id;
    struct ps_bytes hash; /* SHA-256 of the signature in its log form; 32 octets */
};
void leaf_put_use(const struct use_leaf *leaf, struct ps_buf *out);

/*
 * An event. `data` is an RFC 8785 JSON object that depends on the kind, or empty. Kinds: "genesis",
 * "start", "stop", "state", "alarm", "refusal", "intent", "result", "shard", ...
 */
struct event_leaf {
    uint64_t time_ns;
    const char *kind;
    struct ps_bytes caller;     /* empty: the appliance itself */
    struct ps_bytes request_id; /* empty: none */
    struct ps_bytes data;
};
void leaf_put_event(const struct event_leaf *leaf, struct ps_buf *out);

#endif
