#ifndef CEREMONY_WORDS_PGP_WORDS_H
#define CEREMONY_WORDS_PGP_WORDS_H

#include "lib/base/buf.h"

/*
 * Octets as words to be read aloud: two lists of 256 words each, of two syllables for octets at
 * even places (the first is at 0) and of three for the others, so that a word left out or two
 * swapped are heard.
 * Source: the PGP word list of Patrick Juola and Philip Zimmermann (1995).
 */
#define PGP_WORDS_OF_DOCUMENT 16u /* the first 128 bits of its SHA-256 */

/* A word for an octet at a place. */
const char *pgp_word(size_t place, uint8_t octet);

/* The words with one blank between them. */
void pgp_words_put(struct ps_bytes octets, struct ps_buf *out);

/* The first PGP_WORDS_OF_DOCUMENT octets of a SHA-256. */
void pgp_words_put_hash(const uint8_t hash[32], struct ps_buf *out);

#endif
