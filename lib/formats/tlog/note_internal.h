#ifndef FORMATS_TLOG_NOTE_INTERNAL_H
#define FORMATS_TLOG_NOTE_INTERNAL_H

#include "lib/formats/tlog/note.h"

/* The parts of a note, for the formats built on it. */

/* Splits at the first `mark`; false when there is none. */
PS_MUST_USE bool note_split_line(struct ps_bytes *rest, char mark, struct ps_bytes *ret_before);

/* Digits without leading zeros. Errors: PS_E_INPUT. */
PS_MUST_USE enum ps_err note_read_decimal(struct ps_bytes text, uint64_t *ret_number);

PS_MUST_USE enum ps_err note_key_make_typed(uint8_t type, struct ps_bytes name,
                                            struct ps_bytes ed25519_public,
                                            struct note_key *ret_key);
PS_MUST_USE enum ps_err note_key_parse_typed(uint8_t type, struct ps_bytes text,
                                             struct note_key *ret_key);

/* The text, and the signature lines behind the empty one. Errors: PS_E_INPUT. */
PS_MUST_USE enum ps_err note_split_text(struct ps_bytes note, struct ps_bytes *ret_text,
                                        struct ps_bytes *ret_signatures);

struct note_signature {
    struct ps_bytes name;
    uint8_t id[4];
    uint8_t octets[128]; /* of a longer one its beginning: none of ours */
    size_t len;
};

/*
 * The first line by the key, not verified. Errors: PS_E_INPUT (one of the lines is malformed),
 * PS_E_DENIED (there is none).
 */
PS_MUST_USE enum ps_err note_find_signature(struct ps_bytes signatures, const struct note_key *key,
                                            struct note_signature *ret_line);

/* Errors: PS_E_DENIED. */
PS_MUST_USE enum ps_err note_verify_ed25519(const struct note_key *key, struct ps_bytes text,
                                            const uint8_t signature[64]);

#endif
