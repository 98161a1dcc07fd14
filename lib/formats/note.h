#ifndef FORMATS_NOTE_H
#define FORMATS_NOTE_H

#include "lib/formats/merkle.h"
#include "lib/formats/public_key.h"

/*
 * Signed notes (C2SP signed-note) and checkpoints (C2SP tlog-checkpoint): text, an empty line, and
 * signature lines "\u2014 <key name> <base64(key id || signature)>\n".
 */

/* A verifier: name, Ed25519 public key and the four octets that stand for both. */
struct note_key {
    struct ps_bytes name; /* no white space, no plus sign */
    uint8_t id[4];        /* SHA-256(name || 0x0a || 0x01 || public key)[:4] */
    uint8_t public_key[32];
};

/* "name+hex(id)+base64(0x01 || public key)", the signed-note verifier key. */
void note_put_key(const struct note_key *key, struct ps_buf *out);
PS_MUST_USE enum ps_err note_key_parse(struct ps_bytes text, struct note_key *ret_key);
PS_MUST_USE enum ps_err note_key_make(struct ps_bytes name, struct ps_bytes ed25519_public,
                                      struct note_key *ret_key);

struct checkpoint {
    struct ps_bytes origin;
    uint64_t size;
    struct merkle_hash root;
    struct ps_bytes extension; /* further lines, each ended by a newline; or empty */
};

/* The text that is signed: origin, size, root, extension lines. */
PS_MUST_USE enum ps_err checkpoint_put(const struct checkpoint *checkpoint, struct ps_buf *out);

/* Appends the empty line and one signature line. `signature`: 64 octets, Ed25519 over the text. */
void note_put_signature(const struct note_key *key, struct ps_bytes signature, struct ps_buf *out,
                        bool first);

/*
 * Verifies that `key` signed the note, and yields its text (borrowed from `note`). Signatures by
 * others are read past.
 * Errors: PS_E_INPUT (malformed), PS_E_DENIED (no signature by the key, or it does not verify).
 */
PS_MUST_USE enum ps_err note_open(struct ps_bytes note, const struct note_key *key,
                                  struct ps_bytes *ret_text);

/* The same for a checkpoint, which is read from the text. */
PS_MUST_USE enum ps_err checkpoint_open(struct ps_bytes note, const struct note_key *key,
                                        struct checkpoint *ret_checkpoint);

/*
 * The checkpoint in a note whose signature nobody looked at: for files of one's own and for knowing
 * which key to ask for. Errors: PS_E_INPUT.
 */
PS_MUST_USE enum ps_err checkpoint_peek(struct ps_bytes note, struct checkpoint *ret_checkpoint);

#endif
