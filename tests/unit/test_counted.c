#include "tests/unit/support.h"

#include "lib/base/counted.h"

static void one_is_singular_and_nothing_else_is(void **state)
{
    (void)state;
    assert_string_equal(ps_counted(0, "leaf", "leaves").text, "0 leaves");
    assert_string_equal(ps_counted(1, "leaf", "leaves").text, "1 leaf");
    assert_string_equal(ps_counted(2, "leaf", "leaves").text, "2 leaves");
    assert_string_equal(ps_counted(11, "leaf", "leaves").text, "11 leaves");
    assert_string_equal(ps_counted(UINT64_MAX, "leaf", "leaves").text,
                        "18446744073709551615 leaves");
}

static void a_longer_text_is_cut(void **state)
{
    char noun[200] = {0};

    (void)state;
    memset(noun, 'a', sizeof noun - 1);
    assert_int_equal(strlen(ps_counted(1, noun, "").text), sizeof(struct ps_counted) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_is_singular_and_nothing_else_is),
        cmocka_unit_test(a_longer_text_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
