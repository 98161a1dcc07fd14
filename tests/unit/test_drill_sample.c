#include "tests/unit/support.h"

#include "keystore/backup/drill_past.h"
#include "keystore/backup/drill_sample.h"
#include "lib/base/encode.h"

#include <stdio.h>

/* What is kept of a backup for a drill: of a few keys all that it has, of the others nothing. */

static struct drill_sample *sample;

static int begin(void **state)
{
    (void)state;
    assert_ok(drill_sample_new(&sample));
    return 0;
}

static int end(void **state)
{
    (void)state;
    drill_sample_free(sample);
    return 0;
}

#define MAC "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static enum ps_err take_row(unsigned number)
{
    char text[400];

    (void)snprintf(text, sizeof text,
                   "{\"body\":{\"blob\":\"AAAA\",\"key\":\"key%u\",\"mac\":\"" MAC
                   "\",\"version\":1,\"wrapping\":1},\"kind\":\"wrapped\",\"name\":\"00\"}",
                   number);
    return drill_sample_take_row(sample, ps_bytes_str(text));
}

static enum ps_err take_effects(const char *effects)
{
    char text[600];

    (void)snprintf(text, sizeof text,
                   "{\"data\":{\"effects\":[%s],\"operation\":\"o\",\"outcome\":\"done\"},"
                   "\"kind\":\"result\",\"time\":\"2026-11-21T02:41:30.000000Z\",\"v\":1}",
                   effects);
    return drill_sample_take_leaf(sample, ps_bytes_str(text));
}

static void a_few_are_kept_of_many_and_none_twice(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        assert_ok(take_row(i));
    }
    assert_int_equal(drill_sample_count(sample), DRILL_KEYS);
    for (size_t i = 0; i < DRILL_KEYS; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(drill_sample_at(sample, i)->name,
                                    drill_sample_at(sample, j)->name);
        }
    }
}

static bool is_not_the_last(void *context, struct ps_bytes key, uint32_t version)
{
    (void)context;
    assert_int_equal(version, 1);
    return !ps_bytes_equal_str(key, "key999");
}

static void what_is_left_out_takes_no_place(void **state)
{
    (void)state;
    drill_sample_leave_out(sample, is_not_the_last, NULL);
    for (unsigned i = 0; i < 1000; i++) {
        assert_ok(take_row(i));
    }
    assert_int_equal(drill_sample_count(sample), 1);
    assert_string_equal(drill_sample_at(sample, 0)->name, "key999");
    assert_int_equal(drill_sample_left_out(sample), 999);
}

static void the_last_rows_of_a_chosen_key_are_kept(void **state)
{
    const struct drilled_key *key;

    (void)state;
    assert_ok(take_row(1));
    assert_ok(take_effects("{\"kind\":\"key\",\"name\":\"key1\",\"row\":{\"a\":1}},"
                           "{\"kind\":\"version\",\"name\":\"key1/1\",\"row\":{\"b\":1}}"));
    assert_ok(take_effects("{\"kind\":\"version\",\"name\":\"key1/1\",\"row\":{\"b\":2}},"
                           "{\"kind\":\"version\",\"name\":\"key1/2\",\"row\":{\"b\":3}},"
                           "{\"kind\":\"key\",\"name\":\"key11\",\"row\":{\"a\":4}},"
                           "{\"kind\":\"grant\",\"name\":\"key1\"}"));
    key = drill_sample_at(sample, 0);
    assert_true(ps_bytes_equal_str(ps_buf_bytes(&key->key), "{\"a\":1}"));
    assert_true(ps_bytes_equal_str(ps_buf_bytes(&key->made), "{\"b\":2}"));
    assert_int_equal(key->version, 1);
}

static void what_is_no_row_is_an_input_error(void **state)
{
    static const char *const wrong[] = {
        "[]",
        "{}",
        "{\"body\":7}",
        "{\"body\":{\"blob\":\"AAAA\"}}",
        "{\"body\":{\"blob\":\"AAAA\",\"key\":\"k\",\"mac\":\"AAAA\",\"version\":1,\"wrapping\":1}"
        "}",
        "{\"body\":{\"blob\":\"AAAA\",\"key\":\"k\",\"mac\":\"" MAC
        "\",\"version\":0,\"wrapping\":1}}",
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        assert_int_equal(drill_sample_take_row(sample, ps_bytes_str(wrong[i])), PS_E_INPUT);
    }
    assert_int_equal(drill_sample_count(sample), 0);
}

static void effects_of_another_form_are_read_past(void **state)
{
    (void)state;
    assert_ok(take_row(1));
    assert_ok(take_effects("7,\"x\",{\"kind\":\"key\"},{\"kind\":7,\"name\":8,\"row\":9}"));
    assert_int_equal(drill_sample_at(sample, 0)->key.len, 0);
    assert_int_equal(drill_sample_take_leaf(sample, ps_bytes_str("{")), PS_E_INPUT);
}

static void a_good_one_of_the_future_is_none(void **state)
{
    struct drill_past past;

    (void)state;
    drill_past_init(&past);
    past.since_s = 500;
    assert_ok(drill_past_add(&past, 1000, true, ps_bytes_str("{}")));
    drill_past_heed_clock(&past, 1000);
    assert_int_equal(drill_past_base(&past), 1000);
    drill_past_heed_clock(&past, 999);
    assert_int_equal(drill_past_base(&past), 500);
    drill_past_heed_clock(&past, 400);
    assert_int_equal(drill_past_base(&past), 400);
    drill_past_clear(&past);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_few_are_kept_of_many_and_none_twice, begin, end),
        cmocka_unit_test_setup_teardown(what_is_left_out_takes_no_place, begin, end),
        cmocka_unit_test_setup_teardown(the_last_rows_of_a_chosen_key_are_kept, begin, end),
        cmocka_unit_test(a_good_one_of_the_future_is_none),
        cmocka_unit_test_setup_teardown(what_is_no_row_is_an_input_error, begin, end),
        cmocka_unit_test_setup_teardown(effects_of_another_form_are_read_past, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
