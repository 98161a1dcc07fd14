#include "tests/unit/softhsm.h"
#include "tests/unit/token_keys.h"

/* SoftHSM's store goes away and comes back, PINs are wrong, processes end: nobody has to help. */

static struct process process;

static int make_process(void **state)
{
    (void)state;
    softhsm_begin(&process, 1);
    return 0;
}

static int end_process(void **state)
{
    (void)state;
    if (process.pid != 0) {
        assert_int_equal(process_stop(&process), 0);
    }
    softhsm_remove_store();
    return 0;
}

static void move_away(void)
{
    assert_int_equal(rename(softhsm_store, softhsm_away), 0);
}

static void move_back(void)
{
    assert_int_equal(rename(softhsm_away, softhsm_store), 0);
}

/* How soon is for tests/integration/test_token_faults.py, which has a machine that runs nothing
 * else. */
static void must_come_back(const struct test_key *key)
{
    process_make_ready(&process);
    must_sign(&process, key, PS_ALG_ES256);
}

static void store_that_went_under_load_comes_back(void **state)
{
    uint8_t digest[32] = {1};
    struct test_key key;
    struct process_answer answer;

    (void)state;
    make_key(&process, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    for (int times = 0; times < 3; times++) {
        move_away();
        ask_to_sign(&process, &key, PS_ALG_ES256, ps_bytes(digest, 32), &answer);
        assert_problem(PS_PROBLEM_TOKEN_UNAVAILABLE, &answer);
        process_wait_state(&process, TOKEN_ABSENT);
        ask_to_sign(&process, &key, PS_ALG_ES256, ps_bytes(digest, 32), &answer);
        assert_problem(PS_PROBLEM_TOKEN_UNAVAILABLE, &answer);
        move_back();
        must_come_back(&key);
    }
    assert_int_equal(process.reconnects, 3);
}

/* A key, and the store that goes in silence and is back. */
static void make_key_and_go(struct test_key *key)
{
    make_key(&process, PS_ALG_ES256, PS_KEY_EC_P256, key);
    move_away();
    process_wait_state(&process, TOKEN_ABSENT);
    move_back();
}

static void store_that_went_in_silence_is_missed(void **state)
{
    struct test_key key;

    (void)state;
    make_key_and_go(&key);
    must_come_back(&key);
}

static void store_that_goes_while_a_pin_is_awaited_is_missed(void **state)
{
    struct test_key key;

    (void)state;
    make_key_and_go(&key);
    process_wait_state(&process, TOKEN_NEEDS_LOGIN);
    move_away();
    process_wait_state(&process, TOKEN_ABSENT);
    move_back();
    must_come_back(&key);
}

/* An empty directory in its place looks to SoftHSM like a machine without tokens. */
static void emptied_store_is_absent_and_not_blank(void **state)
{
    struct test_key key;
    struct process_answer answer;

    (void)state;
    make_key_and_go(&key);
    process_wait_state(&process, TOKEN_NEEDS_LOGIN);
    process_login(&process, TEST_PIN, process.serial, &answer);
    assert_answered(&answer);
    process_wait_state(&process, TOKEN_READY);
    move_away();
    assert_int_equal(mkdir(softhsm_store, 0700), 0);
    process_wait_state(&process, TOKEN_ABSENT);
    for (uint64_t states = process.states;
         process.state == TOKEN_ABSENT && strcmp(process.reason, "no-token") != 0;) {
        assert_true(process_receive(&process, ps_clock_mono_ns() + WAIT_NS, &answer));
        assert_true(process.states > states);
    }
    assert_int_equal(process.state, TOKEN_ABSENT);
    assert_int_equal(rmdir(softhsm_store), 0);
    move_back();
    must_come_back(&key);
}

static void keys_cannot_be_made_while_the_store_is_away(void **state)
{
    static const uint8_t algs[] = {PS_ALG_ES256};
    struct test_key key = {.type = PS_KEY_EC_P256};
    struct process_answer answer;

    (void)state;
    ps_random(key.id, sizeof key.id);
    move_away();
    ask_for_key(&process, &key, PS_USAGE_SIGN, algs, 1, &answer);
    assert_problem(PS_PROBLEM_TOKEN_UNAVAILABLE, &answer);
    move_back();
    process_make_ready(&process);
    ask_for_key(&process, &key, PS_USAGE_SIGN, algs, 1, &answer);
    keep_key(&answer, &key);
    must_sign(&process, &key, PS_ALG_ES256);
}

static void restart(const struct process_setup *setup)
{
    assert_int_equal(process_stop(&process), 0);
    process_start(&process, setup);
}

static void wrong_pin_waits_for_another(void **state)
{
    struct process_setup setup = softhsm_setup();
    struct process_answer answer;

    (void)state;
    restart(&setup);
    process_wait_state(&process, TOKEN_NEEDS_LOGIN);
    process_login(&process, "654321", "", &answer);
    assert_problem(PS_PROBLEM_REFUSED, &answer);
    assert_int_equal(process.state, TOKEN_WRONG_PIN);
    process_login(&process, TEST_PIN, "", &answer);
    assert_answered(&answer);
    process_wait_state(&process, TOKEN_READY);
}

static void wrong_pin_is_remembered_while_the_store_is_away(void **state)
{
    struct process_setup setup = softhsm_setup();
    struct process_answer answer;

    (void)state;
    restart(&setup);
    process_wait_state(&process, TOKEN_NEEDS_LOGIN);
    process_login(&process, "654321", "", &answer);
    assert_problem(PS_PROBLEM_REFUSED, &answer);
    move_away();
    process_wait_state(&process, TOKEN_ABSENT);
    move_back();
    process_wait_state(&process, TOKEN_WRONG_PIN);
    process_login(&process, TEST_PIN, "", &answer);
    assert_answered(&answer);
}

static void pin_of_impossible_length_is_not_tried(void **state)
{
    struct process_setup setup = softhsm_setup();
    char pin[IPC_SECRET_MAX + 1];
    struct process_answer answer;

    (void)state;
    restart(&setup);
    process_wait_state(&process, TOKEN_NEEDS_LOGIN);
    process_login(&process, "123", "", &answer);
    assert_problem(PS_PROBLEM_REFUSED, &answer);
    memset(pin, '1', IPC_SECRET_MAX);
    pin[IPC_SECRET_MAX] = 0;
    process_login(&process, pin, "", &answer);
    assert_problem(PS_PROBLEM_REFUSED, &answer);
    process_login(&process, "", "", &answer);
    assert_problem(PS_PROBLEM_REFUSED, &answer);
    process_login(&process, TEST_PIN, "", &answer);
    assert_answered(&answer);
}

static void other_serial_is_foreign_and_gets_no_pin(void **state)
{
    struct process_setup setup = softhsm_setup();
    struct process_answer answer;

    (void)state;
    restart(&setup);
    process_wait_state(&process, TOKEN_NEEDS_LOGIN);
    process_login(&process, TEST_PIN, "0123456789abcdef", &answer);
    assert_problem(PS_PROBLEM_WRONG_STATE, &answer);
    assert_int_equal(process.state, TOKEN_FOREIGN);
    process_login(&process, TEST_PIN, process.serial, &answer);
    assert_answered(&answer);
    process_wait_state(&process, TOKEN_READY);
}

/*
 * A login whose look at the token falls into another process's is answered as a token that is away;
 * whoever keeps the PIN asks again once the token is there, as the keeper does.
 */
static void wait_until_logged_in(struct process *other, uint64_t id)
{
    const uint64_t deadline = ps_clock_mono_ns() + WAIT_NS;
    struct process_answer answer;

    do {
        assert_true(process_receive(other, deadline, &answer));
    } while (answer.id != id);
    while (answer_problem(&answer) == PS_PROBLEM_TOKEN_UNAVAILABLE) {
        assert_true(ps_clock_mono_ns() < deadline);
        process_wait_state(other, TOKEN_NEEDS_LOGIN);
        process_login(other, TEST_PIN, "", &answer);
    }
    assert_answered(&answer);
    process_wait_state(other, TOKEN_READY);
}

static void several_processes_log_in_at_once(void **state)
{
    struct process_setup setup = softhsm_setup();
    struct process others[3];

    (void)state;
    for (int times = 0; times < 3; times++) {
        const struct msg_token_login login = {.pin = ps_bytes_str(TEST_PIN)};
        uint64_t ids[PS_COUNT_OF(others)];

        for (size_t i = 0; i < PS_COUNT_OF(others); i++) {
            process_start(&others[i], &setup);
        }
        for (size_t i = 0; i < PS_COUNT_OF(others); i++) {
            process_wait_state(&others[i], TOKEN_NEEDS_LOGIN);
        }
        for (size_t i = 0; i < PS_COUNT_OF(others); i++) {
            ids[i] = process_send(&others[i], &msg_token_login_info, &login);
        }
        for (size_t i = 0; i < PS_COUNT_OF(others); i++) {
            wait_until_logged_in(&others[i], ids[i]);
            assert_int_equal(others[i].generation, 1);
            assert_int_equal(process_stop(&others[i]), 0);
        }
    }
    assert_int_equal(process.state, TOKEN_READY);
    assert_int_equal(process.generation, 1);
}

static void end_of_the_supervisor_ends_the_process(void **state)
{
    (void)state;
    (void)close(process.supervisor);
    process.supervisor = -1;
    assert_int_equal(process_wait_end(&process), 0);
}

static void unknown_module_is_looked_for_again(void **state)
{
    char copy[300];
    char command[1100];
    struct process_setup setup = softhsm_setup();

    (void)state;
    (void)snprintf(copy, sizeof copy, "%s/module.so", softhsm_top);
    setup.module = copy;
    setup.hashed = SOFTHSM_MODULE; /* it went after the supervisor's look */
    restart(&setup);
    process_wait_state(&process, TOKEN_ABSENT);
    assert_string_equal(process.reason, "module-failed");
    (void)snprintf(command, sizeof command, "cp %s %s.tmp && mv %s.tmp %s", SOFTHSM_MODULE, copy,
                   copy, copy);
    assert_int_equal(system(command), 0);
    process_make_ready(&process);
}

static void module_of_another_maker_is_refused(void **state)
{
    struct process_setup setup = softhsm_setup();

    (void)state;
    setup.profile = "fake.json";
    restart(&setup);
    process_wait_state(&process, TOKEN_ABSENT);
    assert_string_equal(process.reason, "profile-mismatch");
}

static void unusable_configuration_ends_the_process(void **state)
{
    struct process_setup setups[] = {softhsm_setup(), softhsm_setup(), softhsm_setup(),
                                     softhsm_setup(), softhsm_setup()};

    (void)state;
    setups[0].uri = "pkcs11:token=a;pin-value=1234";
    setups[1].profile = "{\"schema\":\"privyseal-profile/1\"}";
    setups[2].module = "relative/module.so";
    setups[3].environment = "no equals sign";
    setups[4].sessions = 257;
    assert_int_equal(process_stop(&process), 0);
    for (size_t i = 0; i < PS_COUNT_OF(setups); i++) {
        process_start(&process, &setups[i]);
        assert_int_equal(process_wait_end(&process), TOKEN_EXIT_CONFIGURATION);
    }
}

#define PROCESS_TEST(function) cmocka_unit_test_setup_teardown(function, make_process, end_process)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(store_that_went_under_load_comes_back),
        PROCESS_TEST(store_that_went_in_silence_is_missed),
        PROCESS_TEST(store_that_goes_while_a_pin_is_awaited_is_missed),
        PROCESS_TEST(emptied_store_is_absent_and_not_blank),
        PROCESS_TEST(keys_cannot_be_made_while_the_store_is_away),
        PROCESS_TEST(wrong_pin_waits_for_another),
        PROCESS_TEST(wrong_pin_is_remembered_while_the_store_is_away),
        PROCESS_TEST(pin_of_impossible_length_is_not_tried),
        PROCESS_TEST(other_serial_is_foreign_and_gets_no_pin),
        PROCESS_TEST(several_processes_log_in_at_once),
        PROCESS_TEST(end_of_the_supervisor_ends_the_process),
        PROCESS_TEST(unknown_module_is_looked_for_again),
        PROCESS_TEST(module_of_another_maker_is_refused),
        PROCESS_TEST(unusable_configuration_ends_the_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
