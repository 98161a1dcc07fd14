#ifndef FORMATS_TLOG_PROOF_TEXT_H
#define FORMATS_TLOG_PROOF_TEXT_H

#include "lib/formats/tlog/merkle.h"

/* The two texts that carry a proof: C2SP tlog-proof, and what is sent to a witness. */

/* A proof with a leaf of 48 KiB, in base64, and a checkpoint. */
#define TLOG_PROOF_MAX (128u * 1024u)

/*
 * That a leaf is in a log: https://c2sp.org/tlog-proof. `extra` says nothing by itself: in ours it
 * is the leaf, which is then hashed.
 */
struct tlog_proof {
    struct ps_bytes extra; /* octets; empty: none */
    uint64_t index;
    struct merkle_proof path;
    struct ps_bytes checkpoint; /* a signed note, with cosignatures */
};

void tlog_proof_put(const struct tlog_proof *proof, struct ps_buf *out);

/* extra: gets the octets of the member `extra`. The checkpoint is borrowed from the text and not
 * looked into. Errors: PS_E_INPUT; PS_E_LIMIT through the buffer. */
PS_MUST_USE enum ps_err tlog_proof_parse(struct ps_bytes text, struct ps_buf *extra,
                                         struct tlog_proof *ret_proof);

/* The body of add-checkpoint: https://c2sp.org/tlog-witness. */
struct witness_request {
    uint64_t old; /* size of the tree that the witness saw last */
    struct merkle_proof proof;
    struct ps_bytes checkpoint;
};
#define WITNESS_REQUEST_MAX (24u * 1024u)

void witness_request_put(const struct witness_request *request, struct ps_buf *out);
PS_MUST_USE enum ps_err witness_request_parse(struct ps_bytes text,
                                              struct witness_request *ret_request);

#endif
