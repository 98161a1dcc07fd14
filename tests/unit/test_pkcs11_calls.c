#include "tests/unit/support.h"

#include "lib/base/reader.h"
#include "pkcs11/module/calls.h"

static const struct ps_bytes id = {(const uint8_t *)"\x01\x02", 2};

static void expect_field(struct ps_reader *reader, const char *text)
{
    const struct ps_bytes field = ps_reader_take(reader, ps_reader_u8(reader));

    assert_true(ps_bytes_equal_str(field, text));
}

static void a_row_says_what_was_called_for_which_object(void **state)
{
    struct calls calls = {.count = 0};
    PS_BUF_AUTO rows = {.max = 256};
    struct ps_reader reader;

    (void)state;
    calls_about(&calls, "private", id);
    calls_note(&calls, "C_GenerateKeyPair", CKR_OK);
    calls_put(&calls, &rows);
    assert_int_equal(ps_buf_status(&rows), PS_OK);
    reader = ps_reader(ps_buf_bytes(&rows));
    expect_field(&reader, "C_GenerateKeyPair");
    expect_field(&reader, "private");
    expect_field(&reader, "\x01\x02");
    expect_field(&reader, "CKR_OK");
    assert_int_equal(ps_reader_u16(&reader), 1);
    assert_int_equal(ps_reader_finish(&reader), PS_OK);
}

static void what_is_called_again_with_the_same_answer_is_counted(void **state)
{
    struct calls calls = {.count = 0};

    (void)state;
    calls_note(&calls, "C_DestroyObject", CKR_OK);
    calls_note(&calls, "C_DestroyObject", CKR_OK);
    calls_note(&calls, "C_DestroyObject", CKR_DEVICE_ERROR);
    calls_about(&calls, "", id);
    calls_note(&calls, "C_DestroyObject", CKR_DEVICE_ERROR);
    assert_int_equal(calls.count, 3);
    assert_int_equal(calls.of[0].times, 2);
    assert_int_equal(calls.of[2].times, 1);
}

static void more_than_there_is_room_for_is_counted(void **state)
{
    struct calls calls = {.count = 0};
    PS_BUF_AUTO rows = {.max = TOKEN_CALLS_MAX};

    (void)state;
    for (unsigned i = 0; i < CALLS_MAX + 2; i++) {
        calls_note(&calls, i % 2 == 0 ? "C_GenerateKeyPair" : "C_CreateObject as SO", CKR_OK);
    }
    assert_int_equal(calls.count, CALLS_MAX);
    assert_int_equal(calls.left_out, 2);
    calls_put(&calls, &rows);
    assert_int_equal(ps_buf_status(&rows), PS_OK);
}

static void an_answer_without_a_name_is_told_by_its_number(void **state)
{
    struct calls calls = {.count = 0};
    PS_BUF_AUTO rows = {.max = 256};
    struct ps_reader reader;

    (void)state;
    calls_note(&calls, "C_Login", CKR_VENDOR_DEFINED | 7);
    calls_put(&calls, &rows);
    reader = ps_reader(ps_buf_bytes(&rows));
    expect_field(&reader, "C_Login");
    expect_field(&reader, "");
    expect_field(&reader, "");
    expect_field(&reader, "0x80000007");
}

static void an_id_that_is_too_long_is_none(void **state)
{
    uint8_t octets[IPC_OBJECT_ID_MAX + 1] = {0};
    struct calls calls = {.count = 0};

    (void)state;
    calls_about(&calls, "", ps_bytes(octets, IPC_OBJECT_ID_MAX));
    assert_int_equal(calls.id_len, IPC_OBJECT_ID_MAX);
    calls_about(&calls, "", ps_bytes(octets, IPC_OBJECT_ID_MAX + 1));
    assert_int_equal(calls.id_len, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_says_what_was_called_for_which_object),
        cmocka_unit_test(what_is_called_again_with_the_same_answer_is_counted),
        cmocka_unit_test(more_than_there_is_room_for_is_counted),
        cmocka_unit_test(an_answer_without_a_name_is_told_by_its_number),
        cmocka_unit_test(an_id_that_is_too_long_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
