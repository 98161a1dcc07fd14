#ifndef FORMATS_TLOG_COSIGNATURE_H
#define FORMATS_TLOG_COSIGNATURE_H

#include "lib/formats/tlog/note.h"

/*
 * C2SP tlog-cosignature, Ed25519 ("cosignature/v1"): a witness says when it saw a checkpoint that
 * is consistent with all that it saw of this log before.
 */
#define COSIGNATURE_LEN 72u /* seconds since 1970 (8 octets), Ed25519 signature (64) */

/* What a verifier key of a witness says: as note.h has it, of the signature type 0x04. */
PS_MUST_USE enum ps_err cosigner_key_make(struct ps_bytes name, struct ps_bytes ed25519_public,
                                          struct note_key *ret_key);
PS_MUST_USE enum ps_err cosigner_key_parse(struct ps_bytes text, struct note_key *ret_key);

/* What the witness signs: `text` is the checkpoint's, with its last newline. */
void cosignature_put_message(struct ps_bytes text, uint64_t time_s, struct ps_buf *out);

struct cosignature {
    uint64_t time_s;
    uint8_t octets[COSIGNATURE_LEN];
};
void cosignature_make(uint64_t time_s, const uint8_t ed25519_signature[64],
                      struct cosignature *ret_cosignature);

/* Appends its signature line to a note that has signatures. */
void cosignature_put(const struct note_key *cosigner, const struct cosignature *cosignature,
                     struct ps_buf *out);

/*
 * The cosignature of one witness on a note, verified. Errors: PS_E_INPUT (malformed), PS_E_DENIED
 * (none by this witness, or it does not verify).
 */
PS_MUST_USE enum ps_err cosignature_open(struct ps_bytes note, const struct note_key *cosigner,
                                         struct cosignature *ret_cosignature);

#endif
