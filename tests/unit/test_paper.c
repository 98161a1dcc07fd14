#include "tests/unit/support.h"

#include "lib/base/hash.h"
#include "lib/ceremony/custody/paper.h"

static enum ps_err read_text(struct ps_bytes text, struct ps_buf *out)
{
    ps_buf_init(out, PAPER_OCTETS_MAX);
    return paper_read(text, out);
}

static void octets_of_every_length_come_back(void **state)
{
    uint8_t octets[200];

    (void)state;
    ps_random(octets, sizeof octets);
    for (size_t len = 1; len <= sizeof octets; len++) {
        PS_BUF_AUTO lines = {.max = PAPER_TEXT_MAX};
        PS_BUF_AUTO code = {.max = PAPER_TEXT_MAX};
        PS_BUF_AUTO a = {0};
        PS_BUF_AUTO b = {0};

        paper_put_lines(ps_bytes(octets, len), &lines);
        paper_put_code(ps_bytes(octets, len), &code);
        assert_ok(read_text(ps_buf_bytes(&lines), &a));
        assert_ok(read_text(ps_buf_bytes(&code), &b));
        assert_true(ps_bytes_equal(ps_buf_bytes(&a), ps_bytes(octets, len)));
        assert_true(ps_bytes_equal(ps_buf_bytes(&b), ps_bytes(octets, len)));
    }
}

static void the_form_stays_as_it_was_printed(void **state)
{
    PS_BUF_AUTO text = {.max = PAPER_TEXT_MAX};
    PS_BUF_AUTO read = {0};

    (void)state;
    paper_put_lines(ps_bytes_str("It is kept in a safe."), &text);
    assert_text(ps_buf_bytes(&text), "01 JF2C A2LT EBVW K4DU EBUW 4IDB EBZW CZTF  P3P3\n"
                                     "02 FY  K3ZL\n");
    ps_buf_reset(&text);
    /* As a tired person types it. */
    ps_buf_put_str(&text,
                   "# a remark\n\n 01 jf2ca2lt ebvwk4du ebuw4idb ebzwcztf p3p3 \r\n02fyk3zl");
    assert_ok(read_text(ps_buf_bytes(&text), &read));
    assert_text(ps_buf_bytes(&read), "It is kept in a safe.");
}

static void a_mistake_names_its_line(void **state)
{
    static const char *const wrong[] = {
        "01 JF2C A2LT EBVW K4DU EBUW 4IDB EBZW CZTF  P3P3\n02 FZ  K3ZL\n",
        "01 JF2C A2LT EBVW K4DU EBUW 4IDB EBZW CZTF  P3P3\n02 FY\n",
        "01 JF2C A2LT EBVW K4DU EBUW 4IDB EBZW CZTF  P3P3\n03 FY  K3ZL\n",
        "01 JF2C A2LT EBVW K4DU EBUW 4IDB EBZW CZTF  P3P3\n02 F9  K3ZL\n",
        "01 JF2C A2LT EBVW K4DU EBUW 4IDB EBZW CZTF  P3P3\nFY  K3ZL\n",
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        PS_BUF_AUTO read = {0};

        assert_fails(PS_E_INPUT, read_text(ps_bytes_str(wrong[i]), &read));
        assert_non_null(strstr(ps_detail()->text, "line 02"));
    }
}

static void lines_that_change_places_and_lines_behind_the_last_are_found(void **state)
{
    static const char *const wrong[] = {
        "02 FY  K3ZL\n01 JF2C A2LT EBVW K4DU EBUW 4IDB EBZW CZTF  P3P3\n",
        "01 FY  K3ZL\n",
        "PRIVYSEAL1:JFZQ\n01 FY  K3ZL\n",
        "PRIVYSEAL1:JFZ\n",
        "# nothing\n",
        "",
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        PS_BUF_AUTO read = {0};

        assert_fails(PS_E_INPUT, read_text(ps_bytes_str(wrong[i]), &read));
    }
}

static void a_code_is_a_square_with_a_quiet_zone(void **state)
{
    PS_BUF_AUTO out = {.max = 65536};
    const uint8_t *end;

    (void)state;
    assert_ok(paper_put_qr(ps_bytes_str("PRIVYSEAL1:JFZQ"), &out));
    end = memchr(out.data, '\n', out.len);
    assert_non_null(end);
    /* Version 1 has 21 modules, and 4 of quiet zone at each side: all of the first line is light.
     */
    assert_int_equal(end - out.data, 29);
    for (size_t i = 0; i < 29; i++) {
        assert_int_equal(out.data[i], ' ');
    }
}

static void what_no_code_can_hold_is_a_limit(void **state)
{
    static uint8_t text[PAPER_OCTETS_MAX * 2];
    PS_BUF_AUTO out = {.max = 1024 * 1024};

    (void)state;
    memset(text, 'A', sizeof text);
    assert_fails(PS_E_LIMIT, paper_put_qr(ps_bytes(text, sizeof text), &out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(octets_of_every_length_come_back),
        cmocka_unit_test(the_form_stays_as_it_was_printed),
        cmocka_unit_test(a_mistake_names_its_line),
        cmocka_unit_test(lines_that_change_places_and_lines_behind_the_last_are_found),
        cmocka_unit_test(a_code_is_a_square_with_a_quiet_zone),
        cmocka_unit_test(what_no_code_can_hold_is_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
