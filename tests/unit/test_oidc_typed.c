#include "tests/unit/support.h"

#include "frontends/oidc/pages/typed.h"

static void a_number_is_read_as_it_is_meant(void **state)
{
    static const struct {
        const char *typed;
        const char *meant;
    } rows[] = {
        {"1000000001", "1000000001"},
        {" \t1000000001  ", "1000000001"},
        {"\xd9\xa0\xd9\xa1\xd9\xa9", "019"},
        {"\xdb\xb0\xdb\xb5\xdb\xb9", "059"},
        {"\xe0\xa5\xa6\xe0\xa5\xaa\xe0\xa5\xaf", "049"},
        {"\xe2\x80\x8f\xc2\xa0"
         "a 1\xe2\x81\xa9",
         "a 1"},
        {"\xe2\x80\xaa"
         "12\xe2\x80\xac",
         "12"},
        {"\xd9\x85\xd9\xaa", "\xd9\x85\xd9\xaa"},
        {"\xe0\xa5\xa5", "\xe0\xa5\xa5"},
        {"\xd9", "\xd9"},
        {" \xc2\xa0\t", ""},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        PS_BUF_AUTO memory = {.max = TYPED_MAX};

        assert_text(typed_read(ps_bytes_str(rows[i].typed), &memory), rows[i].meant);
    }
}

static void texts_stand_beside_each_other(void **state)
{
    PS_BUF_AUTO memory = {.max = 4 * TYPED_MAX};
    struct ps_bytes first;

    (void)state;
    assert_non_null(ps_buf_reserve(&memory, memory.max));
    first = typed_read(ps_bytes_str(" one "), &memory);
    assert_text(typed_read(ps_bytes_str("two"), &memory), "two");
    assert_text(first, "one");
}

static void a_text_over_the_limit_or_without_room_is_left_as_it_is(void **state)
{
    PS_BUF_AUTO memory = {.max = 2 * TYPED_MAX};
    PS_BUF_AUTO small = {.max = TYPED_MAX - 1};
    char text[TYPED_MAX + 2] = "";

    (void)state;
    memset(text, ' ', TYPED_MAX + 1);
    assert_int_equal(typed_read(ps_bytes(text, TYPED_MAX + 1), &memory).len, TYPED_MAX + 1);
    assert_int_equal(typed_read(ps_bytes(text, TYPED_MAX), &memory).len, 0);
    assert_text(typed_read(ps_bytes_str(" x"), &small), " x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_is_read_as_it_is_meant),
        cmocka_unit_test(texts_stand_beside_each_other),
        cmocka_unit_test(a_text_over_the_limit_or_without_room_is_left_as_it_is),
    };

    return cmocka_run_group_tests_name("oidc_typed", tests, NULL, NULL);
}
