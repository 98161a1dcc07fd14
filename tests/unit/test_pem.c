#include "tests/unit/support.h"

#include "lib/formats/pem.h"

#define ONE "-----BEGIN A-----\nAQID\n-----END A-----\n"

static enum ps_err take(const char *text, struct ps_buf *out)
{
    struct ps_bytes rest = ps_bytes_str(text);

    return pem_take(&rest, "A", out);
}

static void texts_are_taken_one_after_the_other(void **state)
{
    struct ps_bytes rest = ps_bytes_str(" \r\n" ONE "\n-----BEGIN A-----B A==\r\n-----END A-----");
    PS_BUF_AUTO out = {.max = 16};

    (void)state;
    assert_ok(pem_take(&rest, "A", &out));
    assert_bytes(ps_buf_bytes(&out), ps_bytes("\1\2\3", 3));
    assert_ok(pem_take(&rest, "A", &out));
    assert_bytes(ps_buf_bytes(&out), ps_bytes("\1\2\3\4", 4));
    assert_int_equal(pem_take(&rest, "A", &out), PS_E_NOT_FOUND);
    assert_int_equal(out.len, 4);
}

static void other_text_is_refused(void **state)
{
    static const char *const texts[] = {
        /* Before a good one stands something else. */
        ("x" ONE),
        "-----BEGIN B-----\nAQID\n-----END B-----\n",
        "-----BEGIN A-----\nAQID\n-----END B-----\n",
        "-----BEGIN A-----\nAQID\n",
        "-----BEGIN A----\nAQID\n-----END A-----\n",
        "-----BEGIN A-----\nAQI\n-----END A-----\n",
        "-----BEGIN A-----\nAQ*D\n-----END A-----\n",
        "-----BEGIN A-----\nProc-Type: 4\n-----END A-----\n",
        "-",
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(texts); i++) {
        PS_BUF_AUTO out = {.max = 16};

        assert_int_equal(take(texts[i], &out), PS_E_INPUT);
    }
}

static void a_refused_text_stays_where_it_is(void **state)
{
    struct ps_bytes rest = ps_bytes_str("?" ONE);
    PS_BUF_AUTO out = {.max = 16};

    (void)state;
    assert_int_equal(pem_take(&rest, "A", &out), PS_E_INPUT);
    assert_bytes(rest, ps_bytes_str("?" ONE));
}

static void what_is_put_is_taken_again(void **state)
{
    uint8_t octets[49];
    struct ps_bytes rest;
    PS_BUF_AUTO text = {.max = 256};
    PS_BUF_AUTO out = {.max = 64};

    (void)state;
    memset(octets, 7, sizeof octets);
    pem_put("A", ps_bytes(octets, sizeof octets), &text);
    assert_bytes(ps_buf_bytes(&text),
                 ps_bytes_str("-----BEGIN A-----\n"
                              "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH\n"
                              "Bw==\n-----END A-----\n"));
    rest = ps_buf_bytes(&text);
    assert_ok(pem_take(&rest, "A", &out));
    assert_bytes(ps_buf_bytes(&out), ps_bytes(octets, sizeof octets));
    assert_int_equal(rest.len, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_taken_one_after_the_other),
        cmocka_unit_test(other_text_is_refused),
        cmocka_unit_test(a_refused_text_stays_where_it_is),
        cmocka_unit_test(what_is_put_is_taken_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
