#include "tests/unit/support.h"

#include "keystore/operations/calls.h"
#include "keystore/tokens/internal.h"
#include "keystore/writer.h"

/* What token processes tell of their calls, as it stands in a leaf. */

static struct operation op;
static struct token token = {.name_octets = "t", .name_len = 1};
static struct token_process process = {.token = &token};

static int make(void **state)
{
    (void)state;
    memset(&op, 0, sizeof op);
    ps_buf_init(&op.calls, CALLS_OCTETS_MAX);
    return 0;
}

static int clear(void **state)
{
    (void)state;
    ps_buf_clear(&op.calls);
    return 0;
}

static void put_text(struct ps_buf *rows, const char *text)
{
    ps_buf_put_u8(rows, (uint8_t)strlen(text));
    ps_buf_put_str(rows, text);
}

struct call {
    const char *name;
    const char *class;
    const char *id;
    const char *answer;
    uint16_t times;
};

static void put_call(struct ps_buf *rows, struct call call)
{
    put_text(rows, call.name);
    put_text(rows, call.class);
    put_text(rows, call.id);
    put_text(rows, call.answer);
    ps_buf_put_u16(rows, call.times);
}

static void note(const struct ps_buf *rows, uint32_t left_out)
{
    const struct token_calls calls = {.rows = ps_buf_bytes(rows), .left_out = left_out};

    operation_note_calls(&op, &(struct token_answer){.process = &process, .calls = &calls});
}

static void assert_says(const char *expected)
{
    PS_BUF_AUTO text = {.max = 2 * CALLS_OCTETS_MAX};
    struct writer json = writer(&text);

    writer_begin_object(&json, NULL);
    operation_put_calls(&op, &json);
    writer_end_object(&json);
    ps_buf_put_u8(&text, 0);
    assert_ok(ps_buf_status(&text));
    assert_string_equal((const char *)text.data, expected);
}

static void a_row_says_what_was_called_where_and_how_often(void **state)
{
    PS_BUF_AUTO rows = {.max = 1024};

    (void)state;
    assert_says("{}");
    operation_note_calls(&op, &(struct token_answer){.process = &process});
    assert_says("{}");
    put_call(&rows, (struct call){"C_GenerateKeyPair", "private", "\x01\xff", "CKR_OK", 1});
    put_call(&rows, (struct call){"C_Login as SO", "", "", "CKR_PIN_INCORRECT", 3});
    note(&rows, 0);
    assert_says("{\"calls\":[{\"call\":\"C_GenerateKeyPair\",\"class\":\"private\",\"id\":\"01ff\","
                "\"rv\":\"CKR_OK\",\"token\":\"t\"},{\"call\":\"C_Login as SO\","
                "\"rv\":\"CKR_PIN_INCORRECT\",\"times\":3,\"token\":\"t\"}]}");
    note(&rows, 5);
    assert_int_equal(op.call_count, 4);
    assert_int_equal(op.calls_left_out, 5);
}

/* A process may be taken over: what it tells is counted and not written. */
static void rows_of_another_form_are_left_out(void **state)
{
    static const char long_id[] =
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0";
    const struct call wrong[] = {
        {"C_Sign\"", "", "", "CKR_OK", 1},
        {"C_Sign", "pri\nvate", "", "CKR_OK", 1},
        {"C_Sign", "", "", "CKR\x80", 1},
        {"C_Sign", "", long_id, "CKR_OK", 1},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(wrong); i++) {
        PS_BUF_AUTO rows = {.max = 1024};

        put_call(&rows, wrong[i]);
        note(&rows, 0);
        assert_int_equal(op.calls_left_out, i + 1);
    }
    assert_int_equal(op.call_count, 0);
    assert_says("{\"calls\":[{\"left_out\":4}]}");
}

static void a_row_that_ends_in_the_middle_is_left_out(void **state)
{
    PS_BUF_AUTO rows = {.max = 1024};
    size_t whole;

    (void)state;
    put_call(&rows, (struct call){"C_Sign", "private", "a", "CKR_OK", 1});
    whole = rows.len;
    while (rows.len > 1) {
        rows.len--;
        note(&rows, 0);
    }
    assert_int_equal(op.call_count, 0);
    assert_int_equal(op.calls_left_out, whole - 1);
}

/* Once one had no room none follows: a leaf never has the first and the third alone. */
static void what_has_no_room_in_a_leaf_is_counted(void **state)
{
    PS_BUF_AUTO rows = {.max = 1024};
    PS_BUF_AUTO text = {.max = 2 * CALLS_OCTETS_MAX};
    struct writer json = writer(&text);

    (void)state;
    put_call(&rows, (struct call){"C_DestroyObject", "private", "0123456789abcdef", "CKR_OK", 1});
    for (unsigned i = 0; i < 100; i++) {
        note(&rows, 0);
        assert_int_equal(op.call_count + op.calls_left_out, i + 1);
        assert_true(op.calls_left_out == 0 || op.calls.len <= CALLS_OCTETS_MAX);
    }
    assert_true(op.call_count > 20 && op.calls_left_out != 0);
    operation_put_calls(&op, &json);
    assert_true(text.len <= CALLS_OCTETS_MAX + sizeof "\"calls\":[]");
    operation_leave_calls_out(&op);
    assert_says("{\"calls\":[{\"left_out\":100}]}");
    operation_forget_calls(&op);
    assert_says("{}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_row_says_what_was_called_where_and_how_often, make,
                                        clear),
        cmocka_unit_test_setup_teardown(rows_of_another_form_are_left_out, make, clear),
        cmocka_unit_test_setup_teardown(a_row_that_ends_in_the_middle_is_left_out, make, clear),
        cmocka_unit_test_setup_teardown(what_has_no_room_in_a_leaf_is_counted, make, clear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
