#include "tests/unit/fake_token.h"
#include "tests/unit/wrapped_keys.h"

/* What becomes of the objects that wrapped keys are unwrapped to: which is destroyed, and when. */

static int begin(void **state)
{
    (void)state;
    start_fake(&shared, CACHE);
    make_what_wraps();
    return 0;
}

static int end(void **state)
{
    (void)state;
    stop_fake(&shared);
    return 0;
}

static void make_open(struct outside *key)
{
    struct process_answer answer;

    make_outside(key, PS_ALG_ES256, PS_KEY_EC_P256);
    ask(key, true, &answer);
    assert_true(was_unwrapped(&answer));
}

/* What the process does after an answer is done before it answers another request. */
static uint64_t destroyed(void)
{
    const struct msg_token_probe probe = {0};
    struct process_answer answer;

    process_call(&shared, &msg_token_probe_info, &probe, &answer);
    assert_answered(&answer);
    return calls(FAKE_C_DestroyObject);
}

static void nobody_waits_for_the_one_that_has_to_go(void **state)
{
    static struct outside keys[CACHE + 2];
    struct process_answer answer;
    uint64_t before;

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(keys); i++) {
        make_outside(&keys[i], PS_ALG_ES256, PS_KEY_EC_P256);
    }
    before = destroyed();
    for (size_t i = 0; i < CACHE; i++) {
        ask(&keys[i], true, &answer);
        assert_true(was_unwrapped(&answer));
    }
    assert_int_equal(destroyed(), before);
    script(FAKE_C_DestroyObject, FAKE_HANG, 0, 1);
    ask(&keys[CACHE], true, &answer);
    assert_true(was_unwrapped(&answer));
    (void)control_clear_rule(fake, 0);
    assert_int_equal(destroyed(), before + 1);
    ask(&keys[CACHE + 1], true, &answer);
    assert_true(was_unwrapped(&answer));
    assert_int_equal(destroyed(), before + 2);
    for (size_t i = 0; i < PS_COUNT_OF(keys); i++) {
        ask(&keys[i], false, &answer);
        assert_int_equal(answer.info == &msg_token_signed_info, i >= 2);
    }
}

/* Its handle may be another object's by now. */
static void what_is_destroyed_is_not_destroyed_again(void **state)
{
    static struct outside keys[2];
    struct msg_token_destroy message = {0};
    struct process_answer answer;
    uint64_t before;

    (void)state;
    make_open(&keys[0]);
    before = destroyed();
    message.object_id = key_id(&keys[0].key);
    process_call(&shared, &msg_token_destroy_info, &message, &answer);
    assert_answered(&answer);
    assert_int_equal(destroyed(), before + 1);
    make_outside(&keys[1], PS_ALG_ES256, PS_KEY_EC_P256);
    before = destroyed();
    ask(&keys[1], true, &answer);
    assert_true(was_unwrapped(&answer));
    assert_int_equal(destroyed(), before);
    ask(&keys[0], false, &answer);
    assert_problem(PS_PROBLEM_NOT_FOUND, &answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nobody_waits_for_the_one_that_has_to_go, begin, end),
        cmocka_unit_test_setup_teardown(what_is_destroyed_is_not_destroyed_again, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
