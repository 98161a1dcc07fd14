#include "tests/unit/support.h"

#include "frontends/oidc/pages/texts.h"

#include "lib/base/encode.h"

static void each_language_has_every_text(void **state)
{
    (void)state;
    for (unsigned i = 0; i < LANGUAGES; i++) {
        for (unsigned key = 0; key < TEXTS; key++) {
            const struct ps_bytes text = text_of((enum language)i, (enum text)key);

            assert_true(text.len != 0 && ps_utf8_valid(text));
        }
    }
}

static void a_tag_is_found_by_its_language_alone(void **state)
{
    static const struct {
        const char *tag;
        enum language language;
    } good[] = {{"en", LANGUAGE_en},    {"FR", LANGUAGE_fr},         {"ar-EG", LANGUAGE_ar},
                {"hin", LANGUAGE_hi},   {"hi-Deva-IN", LANGUAGE_hi}, {"ara", LANGUAGE_ar},
                {"en-GB", LANGUAGE_en}, {"fra", LANGUAGE_fr}};
    static const char *const bad[] = {"",  "-",  "e",     "english", "e1",
                                      "*", "de", "en_GB", "\xd8\xb9"};
    enum language found;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(good); i++) {
        assert_true(language_find(ps_bytes_str(good[i].tag), &found));
        assert_int_equal(found, good[i].language);
    }
    for (size_t i = 0; i < PS_COUNT_OF(bad); i++) {
        assert_false(language_find(ps_bytes_str(bad[i]), &found));
    }
}

static void who_asks_comes_first_and_then_the_browser_by_its_weights(void **state)
{
    static const struct {
        const char *ui_locales;
        const char *accept;
        enum language language;
    } rows[] = {
        {"", "", LANGUAGE_en},
        {"ar", "fr", LANGUAGE_ar},
        {"de hi ar", "fr", LANGUAGE_hi},
        {"de", "fr", LANGUAGE_fr},
        {"", "de, fr;q=0.5, hi;q=0.9", LANGUAGE_hi},
        {"", "fr;q=0.501,hi;q=0.5", LANGUAGE_fr},
        {"", "fr ; q=0.8 , ar", LANGUAGE_ar},
        {"", "ar;q=0, fr;q=0.001", LANGUAGE_fr},
        {"", "ar;q=0", LANGUAGE_en},
        {"", "*", LANGUAGE_en},
        {"", "fr;x=1, hi", LANGUAGE_hi},
        {"", "fr;q=1.9, hi", LANGUAGE_fr},
        {"", ",,;,fr-CA", LANGUAGE_fr},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        assert_int_equal(
            language_pick(ps_bytes_str(rows[i].ui_locales), ps_bytes_str(rows[i].accept)),
            rows[i].language);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_language_has_every_text),
        cmocka_unit_test(a_tag_is_found_by_its_language_alone),
        cmocka_unit_test(who_asks_comes_first_and_then_the_browser_by_its_weights),
    };

    return cmocka_run_group_tests_name("oidc_texts", tests, NULL, NULL);
}
