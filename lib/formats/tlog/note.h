#ifndef FORMATS_TLOG_NOTE_H
#define FORMATS_TLOG_NOTE_H

#include "lib/formats/public_key/public_key.h"
#include "lib/formats/tlog/merkle.h"

/*
 * Signed notes (C2SP signed-note) and checkpoints (C2SP tlog-checkpoint): text, an empty line, and
 * signature lines "\u2014 <key name> <base64(key id || signature)>\n".
 */

/* Of one note, with its signatures. */
#define NOTE_OCTETS_MAX 16384u

/* Types of signatures (C2SP signed-note): what a key's signature is over and looks like. */
enum note_type { NOTE_ED25519 = 0x01, NOTE_COSIGNATURE = 0x04 /* cosignature.h */ };

/* A verifier: name, Ed25519 public key and the four octets that stand for both. */
struct note_key {
    struct ps_bytes name; /* no white space, no plus sign */
    uint8_t type;         /* enum note_type */
    uint8_t id[4];        /* SHA-256(name || 0x0a || type || public key)[:4] */
    uint8_t public_key[32];
};

/* "name+hex(id)+base64(type || public key)", the signed-note verifier key. */
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

/*
 * Appends one signature line, and the empty line before the first. `signature`: 64 octets, Ed25519
 * over the text; of a witness see cosignature.h.
 */
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
 * Appends the note without the signatures of others, also when that of `key` does not verify.
 * Errors: PS_E_INPUT (malformed), PS_E_DENIED (no signature by the key).
 */
PS_MUST_USE enum ps_err note_put_signed(struct ps_bytes note, const struct note_key *key,
                                        struct ps_buf *out);

/*
 * The checkpoint in a note whose signature nobody looked at: for files of one's own and for knowing
 * which key to ask for. Errors: PS_E_INPUT.
 */
PS_MUST_USE enum ps_err checkpoint_peek(struct ps_bytes note, struct checkpoint *ret_checkpoint);

#endif
