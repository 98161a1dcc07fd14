#include "lib/ceremony/words/pgp_words.h"

#include "lib/base/compiler.h"

#include <assert.h>

static const char *const words[][2] = {
#define WORDS(even, odd) {even, odd},
#include "lib/ceremony/words/pgp_words.def"
#undef WORDS
};

static_assert(PS_COUNT_OF(words) == 256, "a row for each octet");

const char *pgp_word(size_t place, uint8_t octet)
{
    return words[octet][place & 1];
}

void pgp_words_put(struct ps_bytes octets, struct ps_buf *out)
{
    for (size_t i = 0; i < octets.len; i++) {
        if (i != 0) {
            ps_buf_put_u8(out, ' ');
        }
        ps_buf_put_str(out, pgp_word(i, octets.data[i]));
    }
}

void pgp_words_put_hash(const uint8_t hash[32], struct ps_buf *out)
{
    pgp_words_put(ps_bytes(hash, PGP_WORDS_OF_DOCUMENT), out);
}
