#include "tests/unit/support.h"

#include "keystore/writer.h"

/* JSON documents member by member. */

static struct ps_buf out;

static int reset(void **state)
{
    (void)state;
    ps_buf_init(&out, 4096);
    return 0;
}

static int clear(void **state)
{
    (void)state;
    ps_buf_clear(&out);
    return 0;
}

static void commas_stand_between_members_only(void **state)
{
    struct writer json = writer(&out);

    (void)state;
    writer_begin_object(&json, NULL);
    writer_begin_array(&json, "a");
    writer_end_array(&json);
    writer_begin_array(&json, "b");
    writer_number(&json, NULL, 1);
    writer_begin_object(&json, NULL);
    writer_end_object(&json);
    writer_str(&json, NULL, "x");
    writer_end_array(&json);
    writer_bool(&json, "c", false);
    writer_end_object(&json);
    assert_text(ps_buf_bytes(&out), "{\"a\":[],\"b\":[1,{},\"x\"],\"c\":false}");
}

static void text_from_outside_is_escaped(void **state)
{
    struct writer json = writer(&out);

    (void)state;
    writer_begin_object(&json, NULL);
    writer_str(&json, "a", "\"},\n{\\");
    writer_end_object(&json);
    assert_text(ps_buf_bytes(&out), "{\"a\":\"\\\"},\\n{\\\\\"}");
}

static void numbers_for_people_to_sign_are_text(void **state)
{
    struct writer json = writer(&out);

    (void)state;
    writer_begin_object(&json, NULL);
    writer_decimal(&json, "n", UINT64_MAX);
    writer_number(&json, "m", 0);
    writer_end_object(&json);
    assert_text(ps_buf_bytes(&out), "{\"n\":\"18446744073709551615\",\"m\":0}");
}

static void what_is_not_there_is_left_out(void **state)
{
    struct writer json = writer(&out);

    (void)state;
    writer_begin_object(&json, NULL);
    writer_text_if(&json, "a", ps_bytes(NULL, 0));
    writer_time_s_if(&json, "b", 0);
    writer_number_if(&json, "c", 0);
    writer_time_s_if(&json, "d", 1);
    writer_end_object(&json);
    assert_text(ps_buf_bytes(&out), "{\"d\":\"1970-01-01T00:00:01Z\"}");
}

static void octets_have_their_two_texts(void **state)
{
    struct writer json = writer(&out);

    (void)state;
    writer_begin_object(&json, NULL);
    writer_octets(&json, "a", LITERAL("\xff\xee"));
    writer_hex(&json, "b", LITERAL("\xff\xee"));
    writer_raw(&json, "c", ps_bytes_str("[1]"));
    writer_end_object(&json);
    assert_text(ps_buf_bytes(&out), "{\"a\":\"_-4\",\"b\":\"ffee\",\"c\":[1]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(commas_stand_between_members_only, reset, clear),
        cmocka_unit_test_setup_teardown(text_from_outside_is_escaped, reset, clear),
        cmocka_unit_test_setup_teardown(numbers_for_people_to_sign_are_text, reset, clear),
        cmocka_unit_test_setup_teardown(what_is_not_there_is_left_out, reset, clear),
        cmocka_unit_test_setup_teardown(octets_have_their_two_texts, reset, clear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
