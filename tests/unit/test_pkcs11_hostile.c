#include "tests/unit/fake_token.h"

#include <dirent.h>

/* A module that lies, crashes and hangs: what it says is never believed further than it can be
 * checked, and the process ends rather than answer wrongly. */

static void must_be_unavailable(const struct test_key *key)
{
    struct process_answer answer;

    sign_once(key, &answer);
    assert_problem(PS_PROBLEM_TOKEN_UNAVAILABLE, &answer);
}

static void signature_of_another_length_is_no_signature(void **state)
{
    static const uint64_t lengths[] = {0,         1, 63, 65, 512, 513, 1 << 20, UINT64_C(1) << 40,
                                       UINT64_MAX};
    struct test_key key;

    (void)state;
    make_key(&process, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    for (size_t i = 0; i < PS_COUNT_OF(lengths); i++) {
        script(FAKE_C_Sign, FAKE_LENGTH, lengths[i], 1);
        must_be_unavailable(&key);
        must_sign(&process, &key, PS_ALG_ES256);
        (void)control_clear_rule(fake, 0);
    }
    script(FAKE_C_Sign, FAKE_TRUNCATE, 0, 1);
    must_be_unavailable(&key);
    must_sign(&process, &key, PS_ALG_ES256);
}

static void search_with_too_many_results_is_an_error(void **state)
{
    struct test_key key;

    (void)state;
    make_key(&process, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    script(FAKE_C_SignInit, FAKE_RV, CKR_KEY_HANDLE_INVALID, 1);
    script(FAKE_C_FindObjects, FAKE_TOO_MANY_HANDLES, 0, 1);
    must_be_unavailable(&key);
    (void)control_clear_rule(fake, 0);
    must_sign(&process, &key, PS_ALG_ES256);
}

static void attributes_with_absurd_lengths_are_passed_over(void **state)
{
    static const enum fake_garbage kinds[] = {FAKE_GARBAGE_HUGE, FAKE_GARBAGE_UNAVAILABLE,
                                              FAKE_GARBAGE_EMPTY, FAKE_GARBAGE_SHORT};
    static const CK_ATTRIBUTE_TYPE types[] = {CKA_ID, CKA_KEY_TYPE, CKA_EC_PARAMS};
    struct test_key key;
    struct process_answer answer;

    (void)state;
    make_key(&process, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    for (size_t k = 0; k < PS_COUNT_OF(kinds); k++) {
        for (size_t t = 0; t < PS_COUNT_OF(types); t++) {
            script_attribute(types[t], kinds[k]);
            act(FAKE_LOSE_SESSIONS, "", 0, 0);
            must_be_unavailable(&key);
            process_make_ready(&process);
            sign_once(&key, &answer);
            assert_int_not_equal(answer_problem(&answer), PS_PROBLEM_INTERNAL);
            (void)control_clear_rule(fake, 0);
            act(FAKE_LOSE_SESSIONS, "", 0, 0);
            must_be_unavailable(&key);
            process_make_ready(&process);
            must_sign(&process, &key, PS_ALG_ES256);
        }
    }
}

/* All objects but the first key must be gone: what was made wrongly is destroyed. */
static void assert_nothing_left(const struct test_key *key)
{
    const struct msg_token_find message = {.object_id = key_id(key)};
    struct process_answer answer;

    process_call(&process, &msg_token_find_info, &message, &answer);
    assert_problem(PS_PROBLEM_NOT_FOUND, &answer);
}

static void new_key_that_is_not_what_was_asked_for_is_destroyed(void **state)
{
    static const CK_ATTRIBUTE_TYPE types[] = {CKA_SENSITIVE,
                                              CKA_EXTRACTABLE,
                                              CKA_LOCAL,
                                              CKA_ALWAYS_SENSITIVE,
                                              CKA_SIGN,
                                              CKA_DECRYPT,
                                              CKA_MODIFIABLE,
                                              CKA_NEVER_EXTRACTABLE,
                                              CKA_PRIVATE,
                                              CKA_TOKEN,
                                              CKA_ID,
                                              CKA_ALLOWED_MECHANISMS,
                                              CKA_EC_POINT,
                                              CKA_KEY_TYPE,
                                              CKA_DERIVE,
                                              CKA_COPYABLE,
                                              CKA_WRAP_WITH_TRUSTED};
    static const uint8_t algs[] = {PS_ALG_ES256};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(types); i++) {
        struct test_key key = {.type = PS_KEY_EC_P256};
        struct process_answer answer;

        ps_random(key.id, sizeof key.id);
        script_attribute(types[i], FAKE_GARBAGE_FLIP);
        ask_for_key(&process, &key, PS_USAGE_SIGN, algs, 1, &answer);
        assert_problem(PS_PROBLEM_TOKEN_UNAVAILABLE, &answer);
        (void)control_clear_rule(fake, 0);
        if (process.state != TOKEN_READY) {
            process_make_ready(&process);
        }
        assert_nothing_left(&key);
    }
}

static void new_pair_that_does_not_belong_together_is_destroyed(void **state)
{
    static const struct {
        enum ps_alg alg;
        enum ps_key_type type;
    } rows[] = {{PS_ALG_ES256, PS_KEY_EC_P256},
                {PS_ALG_EDDSA, PS_KEY_ED25519},
                {PS_ALG_PS256, PS_KEY_RSA_2048},
                {PS_ALG_RS512, PS_KEY_RSA_2048}};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        const uint8_t algs[] = {(uint8_t)rows[i].alg};
        struct test_key key = {.type = rows[i].type};
        struct process_answer answer;

        ps_random(key.id, sizeof key.id);
        script(FAKE_C_Sign, FAKE_WRONG_SIGNATURE, 0, 1);
        ask_for_key(&process, &key, PS_USAGE_SIGN, algs, 1, &answer);
        assert_problem(PS_PROBLEM_TOKEN_UNAVAILABLE, &answer);
        assert_nothing_left(&key);
        (void)control_clear_rule(fake, 0);
    }
}

static void modulus_of_another_key_is_found_out(void **state)
{
    static const uint8_t algs[] = {PS_ALG_RS256};
    struct test_key key = {.type = PS_KEY_RSA_2048};
    struct process_answer answer;

    (void)state;
    ps_random(key.id, sizeof key.id);
    script_attribute(CKA_MODULUS, FAKE_GARBAGE_FLIP);
    ask_for_key(&process, &key, PS_USAGE_SIGN, algs, 1, &answer);
    assert_problem(PS_PROBLEM_TOKEN_UNAVAILABLE, &answer);
    (void)control_clear_rule(fake, 0);
    assert_nothing_left(&key);
}

static void raw_points_need_the_profile_to_say_so(void **state)
{
    static const uint8_t algs[] = {PS_ALG_ES256};
    struct process_setup setup = fake_setup();
    struct test_key key = {.type = PS_KEY_EC_P256};
    struct process_answer answer;

    (void)state;
    atomic_store(&fake->tokens[0].raw_ec_point, 1);
    ps_random(key.id, sizeof key.id);
    ask_for_key(&process, &key, PS_USAGE_SIGN, algs, 1, &answer);
    assert_problem(PS_PROBLEM_TOKEN_UNAVAILABLE, &answer);
    setup.profile = changed_profile("\"point\": \"der\"", "\"point\": \"raw\"");
    restart(&setup);
    process_make_ready(&process);
    make_key(&process, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    must_sign(&process, &key, PS_ALG_ES256);
    make_key(&process, PS_ALG_EDDSA, PS_KEY_ED25519, &key);
    must_sign(&process, &key, PS_ALG_EDDSA);
    setup.profile = changed_profile("\"point\": \"der\"", "\"point\": \"either\"");
    restart(&setup);
    process_make_ready(&process);
    make_key(&process, PS_ALG_ES512, PS_KEY_EC_P521, &key);
    must_sign(&process, &key, PS_ALG_ES512);
    atomic_store(&fake->tokens[0].raw_ec_point, 0);
    make_key(&process, PS_ALG_ES512, PS_KEY_EC_P521, &key);
    must_sign(&process, &key, PS_ALG_ES512);
}

static void wrong_pin_is_tried_once(void **state)
{
    struct process_setup setup = fake_setup();
    struct process_answer answer;
    uint64_t logins;

    (void)state;
    restart(&setup);
    process_wait_state(&process, TOKEN_NEEDS_LOGIN);
    logins = calls(FAKE_C_Login);
    process_login(&process, "000000", "", &answer);
    assert_problem(PS_PROBLEM_REFUSED, &answer);
    assert_int_equal(process.state, TOKEN_WRONG_PIN);
    act(FAKE_VANISH, "", 0, 0);
    process_wait_state(&process, TOKEN_ABSENT);
    act(FAKE_RETURN, "", 0, 0);
    process_wait_state(&process, TOKEN_WRONG_PIN);
    assert_int_equal(calls(FAKE_C_Login), logins + 1);
    process_login(&process, TEST_PIN, "", &answer);
    assert_answered(&answer);
    assert_int_equal(calls(FAKE_C_Login), logins + 2);
}

/* The token counts tries, also of what cannot be its PIN. */
static void pin_that_is_too_short_for_the_token_is_not_tried(void **state)
{
    struct process_setup setup = fake_setup();
    struct process_answer answer;
    uint64_t logins;

    (void)state;
    restart(&setup);
    process_wait_state(&process, TOKEN_NEEDS_LOGIN);
    logins = calls(FAKE_C_Login);
    process_login(&process, "123", "", &answer);
    assert_problem(PS_PROBLEM_REFUSED, &answer);
    assert_int_equal(process.state, TOKEN_WRONG_PIN);
    assert_int_equal(calls(FAKE_C_Login), logins);
    process_login(&process, TEST_PIN, "", &answer);
    assert_answered(&answer);
}

/* Whoever that is has not shown this PIN: the token is to forget it, and is asked again. */
static void pin_is_not_taken_for_right_because_somebody_is_logged_in(void **state)
{
    struct process_setup setup = fake_setup();
    struct process_answer answer;
    uint64_t logouts;

    (void)state;
    restart(&setup);
    process_wait_state(&process, TOKEN_NEEDS_LOGIN);
    logouts = calls(FAKE_C_Logout);
    script(FAKE_C_Login, FAKE_RV, CKR_USER_ALREADY_LOGGED_IN, 1);
    process_login(&process, "000000", "", &answer);
    assert_problem(PS_PROBLEM_TOKEN_UNAVAILABLE, &answer); /* in truth nobody was */
    assert_int_equal(calls(FAKE_C_Logout), logouts + 1);
    process_wait_state(&process, TOKEN_NEEDS_LOGIN);
    process_login(&process, "000000", "", &answer);
    assert_int_equal(process.state, TOKEN_WRONG_PIN);
}

static void locked_pin_is_said(void **state)
{
    struct process_setup setup = fake_setup();
    struct process_answer answer;

    (void)state;
    restart(&setup);
    process_wait_state(&process, TOKEN_NEEDS_LOGIN);
    act(FAKE_PIN_LOCKED, "", 1, 0);
    process_login(&process, TEST_PIN, "", &answer);
    assert_problem(PS_PROBLEM_REFUSED, &answer);
    assert_int_equal(process.state, TOKEN_WRONG_PIN);
    assert_string_equal(process.reason, "pin-locked");
}

static void login_that_fails_without_a_reason_is_not_tried_for_ever(void **state)
{
    struct process_setup setup = fake_setup();
    struct process_answer answer;
    uint64_t logins;

    (void)state;
    restart(&setup);
    logins = calls(FAKE_C_Login);
    script(FAKE_C_Login, FAKE_RV, CKR_FUNCTION_FAILED, 0);
    while (process.state != TOKEN_WRONG_PIN) {
        process_wait_state(&process, TOKEN_NEEDS_LOGIN);
        process_login(&process, TEST_PIN, "", &answer);
    }
    assert_int_equal(calls(FAKE_C_Login), logins + 3);
    (void)control_clear_rule(fake, 0);
    process_login(&process, TEST_PIN, "", &answer);
    assert_answered(&answer);
}

static void token_with_another_serial_gets_no_pin(void **state)
{
    struct process_setup setup = fake_setup();
    char serial[33];
    struct test_key key;
    struct process_answer answer;
    uint64_t logins;

    (void)state;
    make_key(&process, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    restart(&setup);
    process_wait_state(&process, TOKEN_NEEDS_LOGIN);
    (void)snprintf(serial, sizeof serial, "%s", process.serial);
    process_login(&process, TEST_PIN, serial, &answer);
    assert_answered(&answer);
    logins = calls(FAKE_C_Login);
    act(FAKE_SERIAL, "ffff000000000001", 0, 0);
    act(FAKE_LOSE_SESSIONS, "", 0, 0);
    must_be_unavailable(&key);
    process_wait_state(&process, TOKEN_FOREIGN);
    process_login(&process, TEST_PIN, serial, &answer);
    assert_problem(PS_PROBLEM_WRONG_STATE, &answer);
    assert_int_equal(calls(FAKE_C_Login), logins);
    act(FAKE_SERIAL, serial, 0, 0);
    process_wait_state(&process, TOKEN_NEEDS_LOGIN);
    process_login(&process, TEST_PIN, serial, &answer);
    assert_answered(&answer);
    must_sign(&process, &key, PS_ALG_ES256);
}

static void crash_ends_the_process_and_nothing_else(void **state)
{
    static const enum fake_action actions[] = {FAKE_CRASH, FAKE_CRASH_AFTER};
    struct process_setup setup = fake_setup();
    struct test_key key;

    (void)state;
    make_key(&process, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    for (size_t i = 0; i < PS_COUNT_OF(actions); i++) {
        static const uint8_t digest[32] = {1};
        const struct msg_token_sign message =
            sign_message(&key, PS_ALG_ES256, ps_bytes(digest, sizeof digest));
        struct process_answer answer;

        script(FAKE_C_Sign, actions[i], SIGKILL, 1);
        (void)process_send(&process, &msg_token_sign_info, &message);
        assert_false(process_receive(&process, ps_clock_mono_ns() + WAIT_NS, &answer));
        assert_int_equal(process_wait_end(&process), -SIGKILL);
        (void)control_clear_rule(fake, 0);
        process_start(&process, &setup);
        process_make_ready(&process);
        must_sign(&process, &key, PS_ALG_ES256);
    }
}

static unsigned count_objects(void)
{
    unsigned count = 0;
    char path[300];
    DIR *directory;

    (void)snprintf(path, sizeof path, "%s/objects-0", fake_directory);
    directory = opendir(path);
    assert_non_null(directory);
    for (const struct dirent *entry = readdir(directory); entry != NULL;
         entry = readdir(directory)) {
        count += strstr(entry->d_name, ".obj") != NULL ? 1 : 0;
    }
    (void)closedir(directory);
    return count;
}

static void assert_data(const char *text)
{
    const struct msg_token_data_read message = {.name = ps_bytes_str("head")};
    struct process_answer answer;
    const struct msg_token_octets *octets = (const void *)answer.message;

    process_call(&process, &msg_token_data_read_info, &message, &answer);
    assert_answered(&answer);
    assert_true(ps_bytes_equal(octets->octets, ps_bytes_str(text)));
}

static void write_cut_short_leaves_the_newest_alone(void **state)
{
    struct msg_token_data_write message = {.name = ps_bytes_str("head"),
                                           .octets = ps_bytes_str("first")};
    struct process_setup setup = fake_setup();
    struct process_answer answer;
    unsigned objects;

    (void)state;
    process_call(&process, &msg_token_data_write_info, &message, &answer);
    assert_answered(&answer);
    objects = count_objects();
    message.octets = ps_bytes_str("second");
    script(FAKE_C_DestroyObject, FAKE_CRASH, SIGKILL, 1);
    (void)process_send(&process, &msg_token_data_write_info, &message);
    assert_int_equal(process_wait_end(&process), -SIGKILL);
    (void)control_clear_rule(fake, 0);
    assert_int_equal(count_objects(), objects + 1);
    process_start(&process, &setup);
    process_make_ready(&process);
    assert_data("second");
    assert_int_equal(count_objects(), objects);
    assert_data("second");
}

static void wait_for_hang(enum fake_function function)
{
    const uint64_t deadline = ps_clock_mono_ns() + WAIT_NS;
    uint64_t waiting = 0;

    while (waiting == 0) {
        for (size_t i = 0; i < FAKE_RULES; i++) {
            waiting += atomic_load(&fake->rules[i].function) == function
                           ? atomic_load(&fake->rules[i].waiting)
                           : 0;
        }
        assert_true(ps_clock_mono_ns() < deadline);
    }
}

static void hung_signature_is_answered_by_nobody(void **state)
{
    static const uint8_t digest[32] = {1};
    struct process_setup setup = fake_setup();
    struct process_answer answer;
    struct msg_token_sign message = {0};
    struct test_key key;

    (void)state;
    make_key(&process, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    message = sign_message(&key, PS_ALG_ES256, ps_bytes(digest, sizeof digest));
    script(FAKE_C_Sign, FAKE_HANG, 0, 0);
    (void)process_send(&process, &msg_token_sign_info, &message);
    wait_for_hang(FAKE_C_Sign);
    assert_int_equal(kill(process.pid, SIGKILL), 0);
    assert_false(process_receive(&process, ps_clock_mono_ns() + WAIT_NS, &answer));
    assert_int_equal(process_wait_end(&process), -SIGKILL);
    (void)control_clear_rule(fake, 0);
    process_start(&process, &setup);
    process_make_ready(&process);
    must_sign(&process, &key, PS_ALG_ES256);
}

static void look_at_the_token_that_hangs_ends_the_process(void **state)
{
    static const uint32_t sessions[] = {1, 3};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(sessions); i++) {
        struct process_setup setup = fake_setup();

        /* Nothing but the call that hangs may take so long, on a loaded machine either. */
        setup.call_timeout_ms = 5000;
        setup.sessions = sessions[i];
        restart(&setup);
        process_make_ready(&process);
        script(FAKE_C_GetTokenInfo, FAKE_HANG, 0, 0);
        assert_int_equal(process_wait_end(&process), TOKEN_EXIT_HUNG);
        (void)control_clear_rule(fake, 0);
        process_start(&process, &setup);
        process_make_ready(&process);
    }
}

static void hung_start_ends_the_process(void **state)
{
    struct process_setup setup = fake_setup();

    (void)state;
    setup.profile = changed_profile("\"start_timeout_ms\": 10000", "\"start_timeout_ms\": 100");
    script(FAKE_C_Initialize, FAKE_HANG, 0, 0);
    restart(&setup);
    assert_int_equal(process_wait_end(&process), TOKEN_EXIT_HUNG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAKE_TEST(signature_of_another_length_is_no_signature),
        FAKE_TEST(search_with_too_many_results_is_an_error),
        FAKE_TEST(attributes_with_absurd_lengths_are_passed_over),
        FAKE_TEST(new_key_that_is_not_what_was_asked_for_is_destroyed),
        FAKE_TEST(new_pair_that_does_not_belong_together_is_destroyed),
        FAKE_TEST(modulus_of_another_key_is_found_out),
        FAKE_TEST(raw_points_need_the_profile_to_say_so),
        FAKE_TEST(wrong_pin_is_tried_once),
        FAKE_TEST(pin_that_is_too_short_for_the_token_is_not_tried),
        FAKE_TEST(pin_is_not_taken_for_right_because_somebody_is_logged_in),
        FAKE_TEST(locked_pin_is_said),
        FAKE_TEST(login_that_fails_without_a_reason_is_not_tried_for_ever),
        FAKE_TEST(token_with_another_serial_gets_no_pin),
        FAKE_TEST(crash_ends_the_process_and_nothing_else),
        FAKE_TEST(write_cut_short_leaves_the_newest_alone),
        FAKE_TEST(hung_signature_is_answered_by_nobody),
        FAKE_TEST(look_at_the_token_that_hangs_ends_the_process),
        FAKE_TEST(hung_start_ends_the_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
