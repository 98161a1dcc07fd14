#ifndef CEREMONY_CUSTODY_PASSPHRASE_BOX_H
#define CEREMONY_CUSTODY_PASSPHRASE_BOX_H

#include "lib/base/buf.h"

/*
 * What an officer keeps under a passphrase: scrypt (RFC 7914, r = 8, p = 1) makes the key,
 * AES-256-GCM seals, and what stands before the ciphertext is sealed with it. It is small enough
 * to be printed (paper.h).
 *
 * Octets: "PSBOX" and version 1; kind; log2 of N; salt (16); nonce (12); length of the officer's
 * name (1) and the name; ciphertext; tag (16).
 */
enum box_kind {
    BOX_KEY = 1,  /* the private key of an officer's sealing certificate: its 32 octets */
    BOX_SHARE = 2 /* a share (share.h) */
};

enum {
    BOX_LOG_N = 17, /* 128 MiB, about half a second */
    BOX_LOG_N_MIN = 14,
    BOX_LOG_N_MAX = 20,
    BOX_PASSPHRASE_MIN = 12, /* octets */
    BOX_PASSPHRASE_MAX = 1024,
    BOX_CONTENT_MAX = 1024,
    BOX_OCTETS_MAX = 2048,
};

struct box {
    enum box_kind kind;
    unsigned log_n;
    struct ps_bytes officer; /* name; borrows */
};

/*
 * Errors: PS_E_INPUT (a passphrase under BOX_PASSPHRASE_MIN octets, or a member out of its limits),
 * PS_E_NO_MEMORY, PS_E_INTERNAL; the buffer's.
 */
PS_MUST_USE enum ps_err box_seal(const struct box *box, struct ps_bytes passphrase,
                                 struct ps_bytes content, struct ps_buf *out);

/* What it says before it is opened, which nothing vouches for. Errors: PS_E_INPUT. */
PS_MUST_USE enum ps_err box_read(struct ps_bytes octets, struct box *ret_box);

/*
 * `out`: gets the content; has to be wiped.
 * Errors: PS_E_INPUT; PS_E_DENIED: not this passphrase, or the box was damaged; PS_E_NO_MEMORY.
 */
PS_MUST_USE enum ps_err box_open(struct ps_bytes octets, struct ps_bytes passphrase,
                                 struct ps_buf *out);

#endif
