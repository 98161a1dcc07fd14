#include "tests/unit/fake_token.h"

#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

/*
 * How many answers a token process keeps before it writes them: seen by what has come when it dies
 * in the middle of what it was sent in one piece. Time would have some written that a count would
 * not: its clock stands still meanwhile.
 */

enum { SENT = 20 };

static struct test_key key;

/* Where the clock of token processes stands; 0: it goes. */
static _Atomic uint64_t *stands_ns;
static pid_t tester;

/* In the place of the C library's. */
int clock_gettime(clockid_t clock, struct timespec *ret_now)
{
    const uint64_t at_ns = stands_ns == NULL || clock != CLOCK_MONOTONIC || getpid() == tester
                               ? 0
                               : atomic_load(stands_ns);

    if (at_ns == 0) {
        return (int)syscall(SYS_clock_gettime, clock, ret_now);
    }
    ret_now->tv_sec = (time_t)(at_ns / PS_NS_PER_S);
    ret_now->tv_nsec = (long)(at_ns % PS_NS_PER_S);
    return 0;
}

static int share_clock(void **state)
{
    void *shared =
        mmap(NULL, sizeof *stands_ns, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    (void)state;
    assert_true(shared != MAP_FAILED);
    tester = getpid();
    stands_ns = shared;
    return 0;
}

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
    atomic_store(stands_ns, ps_clock_mono_ns());
    send_all(plain);
    count = receive_all();
    assert_int_equal(process_wait_end(&process), -SIGKILL);
    atomic_store(stands_ns, 0);
    (void)control_clear_rule(fake, 0);
    process_start(&process, &setup);
    process_make_ready(&process);
    return count;
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
    assert_int_equal(answers_of_the_first(15, SENT), 0);
    assert_int_equal(answers_of_the_first(17, SENT), 16);
}

static void one_without_takes_along_what_waits(void **state)
{
    (void)state;
    assert_int_equal(answers_of_the_first(7, 6), 0);
    assert_int_equal(answers_of_the_first(8, 7), 8);
    assert_int_equal(answers_of_the_first(14, 11), 12);
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

    return cmocka_run_group_tests(tests, share_clock, NULL);
}
