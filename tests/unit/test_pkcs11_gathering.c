#include "tests/unit/fake_token.h"

/*
 * How many answers a token process keeps before it writes them: seen by what has come when it dies
 * in the middle of what it was sent in one piece.
 */

enum { SENT = 20, ATTEMPTS = 200 };

static struct test_key key;

/* All in one write, so that the process reads them at once. plain: the one without `more`. */
static void send_all(unsigned plain)
{
    static const uint8_t digest[32] = {1};
    PS_BUF_AUTO frames = {.max = 65536};

    for (unsigned i = 0; i < SENT; i++) {
        struct msg_token_sign message =
            sign_message(&key, PS_ALG_ES256, ps_bytes(digest, sizeof digest));

        message.more = i == plain ? 0 : 1;
        assert_ok(ipc_frame_put(&msg_token_sign_info, process.next_id++, &message, &frames));
    }
    write_all(process.keeper, ps_buf_bytes(&frames));
}

static unsigned receive_all(void)
{
    struct process_answer answer;
    unsigned count = 0;

    while (count < SENT && process_receive(&process, ps_clock_mono_ns() + WAIT_NS, &answer)) {
        assert_answered(&answer);
        count++;
    }
    return count;
}

static unsigned answers_of_the_first(unsigned made, unsigned plain)
{
    const struct process_setup setup = fake_setup();
    const struct fake_rule rule = {.function = FAKE_C_Sign,
                                   .mechanism = FAKE_ANY,
                                   .attribute = FAKE_ANY,
                                   .token = FAKE_ANY,
                                   .action = FAKE_CRASH,
                                   .argument = SIGKILL,
                                   .after = made,
                                   .times = 1};
    unsigned count;

    assert_true(control_add_rule(fake, &rule) != 0);
    send_all(plain);
    count = receive_all();
    assert_int_equal(process_wait_end(&process), -SIGKILL);
    (void)control_clear_rule(fake, 0);
    process_start(&process, &setup);
    process_make_ready(&process);
    return count;
}

/* Where the processor was away for a while, time has written what a count would not have. */
static void must_be_seen(unsigned count, unsigned made, unsigned plain)
{
    for (int i = 0; i < ATTEMPTS; i++) {
        if (answers_of_the_first(made, plain) == count) {
            return;
        }
    }
    fail_msg("of %u signatures %u never came", made, count);
}

static int make_with_key(void **state)
{
    const int made = make_fake(state);

    make_key(&process, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    return made;
}

static void of_those_with_more_behind_them_sixteen_wait(void **state)
{
    (void)state;
    must_be_seen(0, 15, SENT);
    must_be_seen(16, 17, SENT);
}

static void one_without_takes_along_what_waits(void **state)
{
    (void)state;
    must_be_seen(0, 7, 6);
    must_be_seen(8, 8, 7);
    must_be_seen(12, 14, 11);
}

static void nothing_waits_when_all_is_done(void **state)
{
    (void)state;
    send_all(SENT);
    assert_int_equal(receive_all(), SENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(of_those_with_more_behind_them_sixteen_wait, make_with_key,
                                        end_fake),
        cmocka_unit_test_setup_teardown(one_without_takes_along_what_waits, make_with_key,
                                        end_fake),
        cmocka_unit_test_setup_teardown(nothing_waits_when_all_is_done, make_with_key, end_fake),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
