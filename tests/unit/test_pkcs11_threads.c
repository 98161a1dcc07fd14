#include "tests/unit/fake_token.h"

/* A token that waits: one thread for each session, and what happens to them when it fails. */

enum { REQUESTS = 400, OF_ANOTHER = 20 };

static uint8_t digests[REQUESTS][32];
static bool seen[REQUESTS]; /* that they were answered */

static void start_threads(unsigned sessions)
{
    struct process_setup setup = fake_setup();

    setup.sessions = sessions;
    restart(&setup);
    process_make_ready(&process);
}

/* Sends many at once; the ids begin at the returned one. */
static uint64_t send_many(const struct test_key *key)
{
    const uint64_t first = process.next_id;

    memset(seen, 0, sizeof seen);
    for (size_t i = 0; i < REQUESTS; i++) {
        const struct msg_token_sign message =
            sign_message(key, PS_ALG_ES256, ps_bytes(digests[i], 32));

        ps_random(digests[i], 32);
        (void)process_send(&process, &msg_token_sign_info, &message);
    }
    return first;
}

struct outcome {
    unsigned good;
    unsigned unavailable;
};

/* Takes one answer to each of so many of them; what is signed must be right. */
static struct outcome take_some(const struct test_key *key, uint64_t first, unsigned count)
{
    struct outcome outcome = {0};

    while (outcome.good + outcome.unavailable < count) {
        struct process_answer answer;

        assert_true(process_receive(&process, ps_clock_mono_ns() + WAIT_NS, &answer));
        if (answer.id == 0 || answer.info == &msg_token_done_info) {
            continue;
        }
        assert_true(answer.id >= first && answer.id < first + REQUESTS);
        assert_false(seen[answer.id - first]);
        seen[answer.id - first] = true;
        if (answer_problem(&answer) == PS_PROBLEM_NONE) {
            assert_true(
                verifies(key, PS_ALG_ES256, ps_bytes(digests[answer.id - first], 32), &answer));
            outcome.good++;
        } else if (answer_problem(&answer) == PS_PROBLEM_STOPPING) {
            outcome.unavailable++;
        } else {
            assert_problem(PS_PROBLEM_TOKEN_UNAVAILABLE, &answer);
            outcome.unavailable++;
        }
    }
    return outcome;
}

static struct outcome take_answers(const struct test_key *key, uint64_t first)
{
    return take_some(key, first, REQUESTS);
}

static void all_are_signed_by_threads(void **state)
{
    struct test_key key;

    (void)state;
    make_key(&process, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    act(FAKE_LATENCY, "", 500, 0);
    start_threads(8);
    assert_int_equal(process.sessions, 8);
    assert_int_equal(take_answers(&key, send_many(&key)).good, REQUESTS);
}

static void token_with_few_sessions_gets_few_threads(void **state)
{
    struct test_key key;

    (void)state;
    make_key(&process, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    act(FAKE_MAX_SESSIONS, "", 5, 0);
    start_threads(8);
    assert_int_equal(process.sessions, 4);
    assert_int_equal(take_answers(&key, send_many(&key)).good, REQUESTS);
    /* The sessions a token gives may become fewer or more with each generation. */
    act(FAKE_MAX_SESSIONS, "", 3, 0);
    act(FAKE_LOSE_SESSIONS, "", 0, 0);
    must_be_lost_and_come_back(&key);
    assert_int_equal(process.sessions, 2);
    act(FAKE_MAX_SESSIONS, "", 0, 0);
    act(FAKE_LOSE_SESSIONS, "", 0, 0);
    must_be_lost_and_come_back(&key);
    assert_int_equal(process.sessions, 8);
    assert_int_equal(take_answers(&key, send_many(&key)).good, REQUESTS);
}

/* Until so many threads are in the middle of the call. */
static void wait_for_hangs(unsigned threads)
{
    const uint64_t deadline = ps_clock_mono_ns() + WAIT_NS;
    uint64_t waiting;

    do {
        assert_true(ps_clock_mono_ns() < deadline);
        waiting = 0;
        for (size_t i = 0; i < FAKE_RULES; i++) {
            waiting += atomic_load(&fake->rules[i].waiting);
        }
    } while (waiting < threads && usleep(1000) == 0);
}

/* What waits is refused; what a thread is in the middle of ends first. */
static void each_request_is_answered_once_when_it_is_logged_out(void **state)
{
    const struct msg_token_logout logout = {.unused = 0};
    const unsigned threads = 8;
    struct test_key key;
    uint64_t first;

    (void)state;
    make_key(&process, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    start_threads(threads);
    script(FAKE_C_Sign, FAKE_HANG, 0, 0);
    first = send_many(&key);
    wait_for_hangs(threads);
    (void)process_send(&process, &msg_token_logout_info, &logout);
    assert_int_equal(take_some(&key, first, REQUESTS - threads).unavailable, REQUESTS - threads);
    (void)control_clear_rule(fake, 0);
    assert_int_equal(take_some(&key, first, threads).good, threads);
    process_wait_state(&process, TOKEN_NEEDS_LOGIN);
    process_make_ready(&process);
    must_sign(&process, &key, PS_ALG_ES256);
}

static void each_request_is_answered_once_when_sessions_are_lost(void **state)
{
    struct test_key key;

    (void)state;
    make_key(&process, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    act(FAKE_LATENCY, "", 1000, 0);
    start_threads(8);
    for (int times = 0; times < 5; times++) {
        struct fake_rule rule = {0};
        uint64_t first;

        rule.function = FAKE_C_Sign;
        rule.mechanism = FAKE_ANY;
        rule.attribute = FAKE_ANY;
        rule.token = FAKE_ANY;
        rule.action = FAKE_LOSE_SESSIONS;
        rule.after = 50;
        rule.times = 1;
        assert_true(control_add_rule(fake, &rule) != 0);
        first = send_many(&key);
        assert_true(take_answers(&key, first).unavailable > 0);
        (void)control_clear_rule(fake, 0);
        process_make_ready(&process);
        must_sign(&process, &key, PS_ALG_ES256);
    }
    assert_true(process.reconnects >= 5);
}

static void answers_do_not_go_to_another_keeper(void **state)
{
    struct test_key key;
    struct process_answer answer;
    uint64_t first;

    (void)state;
    make_key(&process, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    act(FAKE_LATENCY, "", 5000, 0);
    start_threads(4);
    first = send_many(&key);
    do {
        assert_true(process_receive(&process, ps_clock_mono_ns() + WAIT_NS, &answer));
    } while (answer.id == 0);
    process_connect(&process); /* while threads make the next of them */
    for (int i = 0; i < OF_ANOTHER; i++) {
        const struct msg_token_sign message =
            sign_message(&key, PS_ALG_ES256, ps_bytes(digests[i], 32));

        (void)process_send(&process, &msg_token_sign_info, &message);
    }
    for (int taken = 0; taken < OF_ANOTHER; taken += answer.id == 0 ? 0 : 1) {
        assert_true(process_receive(&process, ps_clock_mono_ns() + WAIT_NS, &answer));
        assert_true(answer.id == 0 || answer.id >= first + REQUESTS);
    }
    act(FAKE_LATENCY, "", 0, 0);
    assert_false(process_receive(&process, ps_clock_mono_ns() + 50 * PS_NS_PER_MS, &answer));
}

static void signatures_do_not_wait_for_a_new_key(void **state)
{
    static const uint8_t algs[] = {PS_ALG_ES256};
    struct test_key key;
    struct msg_token_generate generate = {0};
    struct process_answer answer;
    uint64_t generate_id;
    unsigned signatures = 0;

    (void)state;
    make_key(&process, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    start_threads(2);
    generate = (struct msg_token_generate){
        .object_id = ps_bytes_str("new"),
        .label = ps_bytes_str("new"),
        .key_type = PS_KEY_EC_P256,
        .usage = PS_USAGE_SIGN,
        .algorithms = ps_bytes(algs, 1),
    };
    script(FAKE_C_GenerateKeyPair, FAKE_HANG, 0, 0);
    generate_id = process_send(&process, &msg_token_generate_info, &generate);
    while (signatures < 20) {
        must_sign(&process, &key, PS_ALG_ES256);
        signatures++;
    }
    (void)control_clear_rule(fake, 0);
    do {
        assert_true(process_receive(&process, ps_clock_mono_ns() + WAIT_NS, &answer));
    } while (answer.id != generate_id);
    assert_answered(&answer);
}

static void stop_finishes_what_was_taken(void **state)
{
    const struct msg_stop stop = {.within_ms = WAIT_NS / PS_NS_PER_MS};
    struct test_key key;
    uint64_t first;

    (void)state;
    make_key(&process, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    act(FAKE_LATENCY, "", 1000, 0);
    start_threads(4);
    (void)take_answers(&key, send_many(&key));
    first = send_many(&key);
    process_order(&process, &msg_stop_info, &stop);
    (void)take_answers(&key, first);
    assert_int_equal(process_wait_end(&process), 0);
}

static void stop_does_not_wait_for_what_hangs(void **state)
{
    const struct msg_stop stop = {.within_ms = 100};
    static const uint8_t digest[32] = {1};
    struct msg_token_sign message = {0};
    struct test_key key;

    (void)state;
    make_key(&process, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    start_threads(2);
    script(FAKE_C_Sign, FAKE_HANG, 0, 0);
    message = sign_message(&key, PS_ALG_ES256, ps_bytes(digest, sizeof digest));
    (void)process_send(&process, &msg_token_sign_info, &message);
    process_order(&process, &msg_stop_info, &stop);
    assert_int_equal(process_wait_end(&process), 0);
}

static void threads_search_for_what_is_not_known(void **state)
{
    struct test_key key = {.type = PS_KEY_EC_P256, .id = "nobody"};
    struct process_setup setup = fake_setup();
    struct process second;
    struct process_answer answer;

    (void)state;
    start_threads(4);
    sign_once(&key, &answer);
    assert_problem(PS_PROBLEM_NOT_FOUND, &answer);
    process_start(&second, &setup);
    process_make_ready(&second);
    make_key(&second, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    assert_int_equal(process_stop(&second), 0);
    assert_int_equal(take_answers(&key, send_many(&key)).good, REQUESTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAKE_TEST(all_are_signed_by_threads),
        FAKE_TEST(token_with_few_sessions_gets_few_threads),
        FAKE_TEST(each_request_is_answered_once_when_it_is_logged_out),
        FAKE_TEST(each_request_is_answered_once_when_sessions_are_lost),
        FAKE_TEST(answers_do_not_go_to_another_keeper),
        FAKE_TEST(signatures_do_not_wait_for_a_new_key),
        FAKE_TEST(stop_finishes_what_was_taken),
        FAKE_TEST(stop_does_not_wait_for_what_hangs),
        FAKE_TEST(threads_search_for_what_is_not_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
