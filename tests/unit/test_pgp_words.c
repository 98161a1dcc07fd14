#include "tests/unit/support.h"

#include "lib/base/encode.h"
#include "lib/ceremony/words/pgp_words.h"

#include <strings.h>

/* Fingerprints and their words as they are printed in the articles on the list. */
static void published_examples_come_out_as_printed(void **state)
{
    static const struct {
        const char *hex;
        const char *words;
    } rows[] = {
        {"e58294f2e9a227486e8b061b31cc528fd7fa3f19",
         "topmost Istanbul Pluto vagabond treadmill Pacific brackish dictator goldfish Medusa "
         "afflict bravado chatter revolver Dupont midsummer stopwatch whimsical cowbell "
         "bottomless"},
        {"d1d464c004f00fb5c9a4c8d8e433e7fb7ff56256",
         "stairway souvenir flytrap recipe adrift upcoming artist positive spearhead Pandora "
         "spaniel stupendous tonic concurrent transit Wichita lockup visitor flagpole escapade"},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        PS_BUF_AUTO octets;
        PS_BUF_AUTO text;

        ps_buf_init(&octets, 64);
        ps_buf_init(&text, 1024);
        assert_ok(ps_hex_decode(ps_bytes_str(rows[i].hex), &octets));
        pgp_words_put(ps_buf_bytes(&octets), &text);
        assert_ok(ps_buf_status(&text));
        assert_text(ps_buf_bytes(&text), rows[i].words);
    }
}

static void no_word_is_there_twice(void **state)
{
    (void)state;
    for (size_t i = 0; i < 512; i++) {
        for (size_t k = 0; k < i; k++) {
            assert_int_not_equal(
                strcasecmp(pgp_word(i / 256, (uint8_t)i), pgp_word(k / 256, (uint8_t)k)), 0);
        }
    }
}

static void the_even_words_are_in_alphabetical_order(void **state)
{
    (void)state;
    for (unsigned i = 1; i < 256; i++) {
        assert_true(strcasecmp(pgp_word(0, (uint8_t)(i - 1)), pgp_word(0, (uint8_t)i)) < 0);
    }
}

static void a_hash_is_sixteen_words(void **state)
{
    const uint8_t hash[32] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 1};
    PS_BUF_AUTO text;

    (void)state;
    ps_buf_init(&text, 1024);
    pgp_words_put_hash(hash, &text);
    assert_text(ps_buf_bytes(&text),
                "aardvark adroitness aardvark adroitness aardvark adroitness aardvark adroitness "
                "aardvark adroitness aardvark adroitness aardvark adroitness aardvark Yucatan");
}

static void no_octets_are_no_words(void **state)
{
    PS_BUF_AUTO text;

    (void)state;
    ps_buf_init(&text, 16);
    pgp_words_put(ps_bytes(NULL, 0), &text);
    assert_int_equal(text.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_examples_come_out_as_printed),
        cmocka_unit_test(no_word_is_there_twice),
        cmocka_unit_test(the_even_words_are_in_alphabetical_order),
        cmocka_unit_test(a_hash_is_sixteen_words),
        cmocka_unit_test(no_octets_are_no_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
