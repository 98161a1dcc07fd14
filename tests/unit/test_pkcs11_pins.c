#include "tests/unit/softhsm.h"

/* PINs of a token, set by the user and by the security officer, on SoftHSM. */

#define NEXT_SO_PIN "so-pin-of-the-test"
#define NEXT_PIN    "pin-of-the-test"
#define ANOTHER_PIN "another-pin"
#define TOO_SHORT   "1"

static struct process process;

static int begin(void **state)
{
    (void)state;
    softhsm_begin(&process, 2);
    return 0;
}

static int end(void **state)
{
    (void)state;
    softhsm_end(&process);
    return 0;
}

static void as_so(enum token_so_act act, const char *so_pin, const char *next,
                  struct process_answer *ret_answer)
{
    const struct msg_token_so message = {
        .act = (uint8_t)act, .so_pin = ps_bytes_str(so_pin), .next = ps_bytes_str(next)};

    process_call(&process, &msg_token_so_info, &message, ret_answer);
}

static void assert_done(const struct process_answer *answer, bool refused)
{
    const struct msg_token_so_done *done = (const void *)answer->message;

    assert_ptr_equal(answer->info, &msg_token_so_done_info);
    assert_int_equal(done->refused, refused);
}

static void try_so(const char *so_pin, bool refused)
{
    struct process_answer answer;

    as_so(TOKEN_SO_TRY, so_pin, "", &answer);
    assert_done(&answer, refused);
    process_wait_state(&process, TOKEN_NEEDS_LOGIN);
}

/* The sessions of the user are gone, and can be had again. */
static void a_try_does_no_more_than_the_login(void **state)
{
    struct process_answer answer;

    (void)state;
    try_so(SO_PIN, false);
    process_login(&process, TEST_PIN, "", &answer);
    assert_answered(&answer);
    process_wait_state(&process, TOKEN_READY);
}

static void a_wrong_so_pin_is_said_to_be_wrong(void **state)
{
    struct process_answer answer;

    (void)state;
    as_so(TOKEN_SO_PIN, ANOTHER_PIN, NEXT_SO_PIN, &answer);
    assert_done(&answer, true);
    process_wait_state(&process, TOKEN_NEEDS_LOGIN);
    try_so(SO_PIN, false);
    try_so(NEXT_SO_PIN, true);
}

static void what_is_no_pin_or_no_act_is_refused(void **state)
{
    struct process_answer answer;

    (void)state;
    as_so(TOKEN_SO_PIN, SO_PIN, TOO_SHORT, &answer);
    assert_problem(PS_PROBLEM_REFUSED, &answer);
    process_wait_state(&process, TOKEN_NEEDS_LOGIN);
    as_so(TOKEN_SO_TRY, TOO_SHORT, "", &answer);
    assert_problem(PS_PROBLEM_REFUSED, &answer);
    process_wait_state(&process, TOKEN_NEEDS_LOGIN);
    as_so(TOKEN_SO_TRY, SO_PIN, NEXT_PIN, &answer);
    assert_problem(PS_PROBLEM_REFUSED, &answer);
    process_wait_state(&process, TOKEN_NEEDS_LOGIN);
    as_so((enum token_so_act)4, SO_PIN, NEXT_PIN, &answer);
    assert_problem(PS_PROBLEM_REFUSED, &answer);
    process_wait_state(&process, TOKEN_NEEDS_LOGIN);
    try_so(SO_PIN, false);
}

static void a_changed_so_pin_is_the_one_that_lets_in(void **state)
{
    struct process_answer answer;

    (void)state;
    as_so(TOKEN_SO_PIN, SO_PIN, NEXT_SO_PIN, &answer);
    assert_done(&answer, false);
    process_wait_state(&process, TOKEN_NEEDS_LOGIN);
    try_so(SO_PIN, true);
    try_so(NEXT_SO_PIN, false);
}

/* Nobody is logged in, and the PIN that it had is not asked for. */
static void the_user_gets_another_pin_without_the_old_one(void **state)
{
    struct process_answer answer;

    (void)state;
    as_so(TOKEN_SO_USER_PIN, NEXT_SO_PIN, NEXT_PIN, &answer);
    assert_done(&answer, false);
    process_wait_state(&process, TOKEN_NEEDS_LOGIN);
    process_login(&process, NEXT_PIN, "", &answer);
    assert_answered(&answer);
    process_wait_state(&process, TOKEN_READY);
}

static void also_one_whose_pin_was_refused(void **state)
{
    struct process_answer answer;

    (void)state;
    try_so(NEXT_SO_PIN, false);
    process_login(&process, TEST_PIN, "", &answer);
    process_wait_state(&process, TOKEN_WRONG_PIN);
    as_so(TOKEN_SO_USER_PIN, NEXT_SO_PIN, TEST_PIN, &answer);
    assert_done(&answer, false);
    process_wait_state(&process, TOKEN_WRONG_PIN); /* it goes by the one of before */
    process_login(&process, TEST_PIN, "", &answer);
    assert_answered(&answer);
    process_wait_state(&process, TOKEN_READY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_try_does_no_more_than_the_login),
        cmocka_unit_test(a_wrong_so_pin_is_said_to_be_wrong),
        cmocka_unit_test(what_is_no_pin_or_no_act_is_refused),
        cmocka_unit_test(a_changed_so_pin_is_the_one_that_lets_in),
        cmocka_unit_test(the_user_gets_another_pin_without_the_old_one),
        cmocka_unit_test(also_one_whose_pin_was_refused),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
