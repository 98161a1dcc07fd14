#include "tests/unit/fake_token.h"

#include "pkcs11/token/recovery.h"

/* What the process makes of each answer of a module that fails on command. */

#ifndef CKR_UNWRAPPING_KEY_HANDLE_INVALID
#define CKR_UNWRAPPING_KEY_HANDLE_INVALID (0xf0UL)
#endif
#define UNLISTED 0x7777UL

static void every_failure_has_a_class_for_every_call(void **state)
{
    static const struct {
        CK_RV rv;
        const char *name;
    } rows[] = {
#define RV(id, ...) {id, #id},
#include "pkcs11/token/recovery.def"
#undef RV
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        for (unsigned o = 0; o < OPERATION_COUNT; o++) {
            const enum fault_class class = recovery_class(NULL, 0, rows[i].rv, (enum operation)o);
            const bool started_already =
                rows[i].rv == CKR_CRYPTOKI_ALREADY_INITIALIZED && o == OPERATION_START;

            assert_int_equal(class == FAULT_NONE, rows[i].rv == CKR_OK || started_already);
            assert_int_equal(recovery_err(class) == PS_OK, class == FAULT_NONE);
        }
        if (rows[i].rv != UNLISTED) {
            CK_RV rv;

            assert_string_equal(recovery_rv_name(rows[i].rv), rows[i].name);
            assert_true(recovery_rv_by_name(ps_bytes_str(rows[i].name), &rv));
            assert_true(rv == rows[i].rv);
        }
    }
    assert_string_equal(recovery_rv_name(0x80000001), "CKR_VENDOR_DEFINED");
}

static void wrong_pin_is_no_fault_that_is_tried_again(void **state)
{
    static const CK_RV answers[] = {CKR_PIN_INCORRECT, CKR_PIN_INVALID, CKR_PIN_LEN_RANGE,
                                    CKR_PIN_EXPIRED, CKR_PIN_LOCKED};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(answers); i++) {
        assert_int_equal(recovery_class(NULL, 0, answers[i], OPERATION_LOGIN), FAULT_PIN);
        assert_false(recovery_is_loss(FAULT_PIN));
    }
}

static void bad_data_of_a_caller_never_counts_against_the_token(void **state)
{
    static const CK_RV answers[] = {CKR_GENERAL_ERROR, CKR_FUNCTION_FAILED, CKR_DEVICE_ERROR,
                                    0x80000001};
    static const CK_RV plain[] = {CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE,
                                  CKR_AEAD_DECRYPT_FAILED,    CKR_WRAPPED_KEY_INVALID,
                                  CKR_DATA_INVALID,           CKR_MECHANISM_PARAM_INVALID};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(answers); i++) {
        assert_int_equal(recovery_class(NULL, 0, answers[i], OPERATION_OPEN), FAULT_DOUBT);
    }
    for (size_t i = 0; i < PS_COUNT_OF(plain); i++) {
        assert_int_equal(recovery_class(NULL, 0, plain[i], OPERATION_OPEN), FAULT_CALLER);
    }
}

static void rule_of_a_profile_comes_before_the_table(void **state)
{
    const struct recovery_rule rules[] = {{CKR_DEVICE_ERROR, OPERATION_SIGN, FAULT_RELOAD}};

    (void)state;
    assert_int_equal(recovery_class(rules, 1, CKR_DEVICE_ERROR, OPERATION_SIGN), FAULT_RELOAD);
    assert_int_equal(recovery_class(rules, 1, CKR_DEVICE_ERROR, OPERATION_FIND), FAULT_UNEXPLAINED);
}

static void answers_that_cost_one_request_cost_no_more(void **state)
{
    static const struct {
        CK_RV rv;
        enum ps_problem problem;
    } rows[] = {
        {CKR_DATA_LEN_RANGE, PS_PROBLEM_REFUSED},
        {CKR_DATA_INVALID, PS_PROBLEM_REFUSED},
        {CKR_KEY_FUNCTION_NOT_PERMITTED, PS_PROBLEM_KEY_MISMATCH},
        {CKR_MECHANISM_INVALID, PS_PROBLEM_KEY_MISMATCH},
        {CKR_KEY_TYPE_INCONSISTENT, PS_PROBLEM_KEY_MISMATCH},
        {CKR_FUNCTION_NOT_SUPPORTED, PS_PROBLEM_KEY_MISMATCH},
        {CKR_DEVICE_MEMORY, PS_PROBLEM_TOKEN_UNAVAILABLE},
        {CKR_SESSION_COUNT, PS_PROBLEM_TOKEN_UNAVAILABLE},
        {CKR_GENERAL_ERROR, PS_PROBLEM_TOKEN_UNAVAILABLE},
        {CKR_DEVICE_ERROR, PS_PROBLEM_TOKEN_UNAVAILABLE},
        {CKR_HOST_MEMORY, PS_PROBLEM_TOKEN_UNAVAILABLE},
        {0x80000123, PS_PROBLEM_TOKEN_UNAVAILABLE},
        {0x7777, PS_PROBLEM_TOKEN_UNAVAILABLE},
        {CKR_ARGUMENTS_BAD, PS_PROBLEM_INTERNAL},
        {CKR_MECHANISM_PARAM_INVALID, PS_PROBLEM_INTERNAL},
    };
    static const enum fake_function functions[] = {FAKE_C_SignInit, FAKE_C_Sign};
    struct test_key key;
    struct process_answer answer;

    (void)state;
    make_key(&process, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    for (size_t f = 0; f < PS_COUNT_OF(functions); f++) {
        for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
            script(functions[f], FAKE_RV, rows[i].rv, 1);
            sign_once(&key, &answer);
            assert_problem(rows[i].problem, &answer);
            must_sign(&process, &key, PS_ALG_ES256);
            (void)control_clear_rule(fake, 0);
        }
    }
    assert_int_equal(process.state, TOKEN_READY);
    assert_int_equal(process.generation, 1);
}

static void answers_that_end_a_generation_are_recovered_from(void **state)
{
    static const CK_RV answers[] = {
        CKR_DEVICE_REMOVED,       CKR_TOKEN_NOT_PRESENT,        CKR_TOKEN_NOT_RECOGNIZED,
        CKR_SESSION_CLOSED,       CKR_SESSION_HANDLE_INVALID,   CKR_USER_NOT_LOGGED_IN,
        CKR_SLOT_ID_INVALID,      CKR_CRYPTOKI_NOT_INITIALIZED, CKR_MUTEX_BAD,
        CKR_FIPS_SELF_TEST_FAILED};
    struct test_key key;
    struct process_answer answer;

    (void)state;
    make_key(&process, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    for (size_t i = 0; i < PS_COUNT_OF(answers); i++) {
        script(FAKE_C_Sign, FAKE_RV, answers[i], 1);
        sign_once(&key, &answer);
        assert_problem(PS_PROBLEM_TOKEN_UNAVAILABLE, &answer);
        assert_int_equal(process.state, TOKEN_ABSENT);
        (void)control_clear_rule(fake, 0);
        must_be_lost_and_come_back(&key);
    }
}

static void expect_made_after(CK_RV rv, uint64_t times, enum ps_problem problem, uint64_t tries)
{
    static const uint8_t algs[] = {PS_ALG_ES256};
    const uint64_t before = calls(FAKE_C_GenerateKeyPair);
    struct test_key key = {.type = PS_KEY_EC_P256};
    struct process_answer answer;

    ps_random(key.id, sizeof key.id);
    script(FAKE_C_GenerateKeyPair, FAKE_RV, rv, times);
    ask_for_key(&process, &key, PS_USAGE_SIGN, algs, 1, &answer);
    assert_problem(problem, &answer);
    assert_int_equal(calls(FAKE_C_GenerateKeyPair), before + tries);
    (void)control_clear_rule(fake, 0);
}

/* A soft token's call may have met a search of another process, which could wait no longer. */
static void key_of_a_soft_token_is_made_at_the_second_try(void **state)
{
    struct process_setup setup = fake_setup();

    (void)state;
    expect_made_after(CKR_GENERAL_ERROR, 1, PS_PROBLEM_NONE, 2);
    expect_made_after(CKR_GENERAL_ERROR, 0, PS_PROBLEM_TOKEN_UNAVAILABLE, 2);
    expect_made_after(CKR_DEVICE_REMOVED, 1, PS_PROBLEM_TOKEN_UNAVAILABLE, 1);
    setup.sync_directory = NULL;
    restart(&setup);
    process_make_ready(&process);
    expect_made_after(CKR_GENERAL_ERROR, 1, PS_PROBLEM_TOKEN_UNAVAILABLE, 1);
}

static void dead_handle_is_looked_up_again(void **state)
{
    static const CK_RV answers[] = {CKR_KEY_HANDLE_INVALID, CKR_OBJECT_HANDLE_INVALID};
    struct test_key key;

    (void)state;
    make_key(&process, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    for (size_t i = 0; i < PS_COUNT_OF(answers); i++) {
        const uint64_t searches = calls(FAKE_C_FindObjectsInit);

        script(FAKE_C_SignInit, FAKE_RV, answers[i], 1);
        must_sign(&process, &key, PS_ALG_ES256);
        assert_int_equal(calls(FAKE_C_FindObjectsInit), searches + 1);
        must_sign(&process, &key, PS_ALG_ES256);
        assert_int_equal(calls(FAKE_C_FindObjectsInit), searches + 1);
        (void)control_clear_rule(fake, 0);
    }
    assert_int_equal(process.generation, 1);
}

static void handle_that_stays_dead_is_looked_up_once(void **state)
{
    const uint64_t searches = calls(FAKE_C_FindObjectsInit);
    struct test_key key;
    struct process_answer answer;

    (void)state;
    make_key(&process, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    script(FAKE_C_SignInit, FAKE_RV, CKR_KEY_HANDLE_INVALID, 0);
    sign_once(&key, &answer);
    assert_problem(PS_PROBLEM_TOKEN_UNAVAILABLE, &answer);
    assert_true(calls(FAKE_C_FindObjectsInit) <= searches + 2);
}

static void session_with_a_left_over_operation_is_replaced(void **state)
{
    struct test_key key;

    (void)state;
    make_key(&process, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    script(FAKE_C_SignInit, FAKE_RV, CKR_OPERATION_ACTIVE, 1);
    must_sign(&process, &key, PS_ALG_ES256);
    script(FAKE_C_Sign, FAKE_RV, CKR_OPERATION_NOT_INITIALIZED, 1);
    must_sign(&process, &key, PS_ALG_ES256);
    assert_int_equal(process.generation, 1);
}

static void lost_sessions_login_and_device_come_back(void **state)
{
    static const enum fake_action actions[] = {FAKE_LOSE_SESSIONS, FAKE_LOG_OUT};
    struct test_key key;
    struct process_answer answer;

    (void)state;
    make_key(&process, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    for (size_t i = 0; i < PS_COUNT_OF(actions); i++) {
        act(actions[i], "", 0, 0);
        sign_once(&key, &answer);
        assert_problem(PS_PROBLEM_TOKEN_UNAVAILABLE, &answer);
        must_be_lost_and_come_back(&key);
    }
    act(FAKE_VANISH, "", 0, 0);
    sign_once(&key, &answer);
    assert_problem(PS_PROBLEM_TOKEN_UNAVAILABLE, &answer);
    act(FAKE_RETURN, "", 0, 0);
    must_be_lost_and_come_back(&key);
}

static void loss_in_silence_is_noticed(void **state)
{
    struct test_key key;

    (void)state;
    make_key(&process, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    act(FAKE_LOG_OUT, "", 0, 0);
    must_be_lost_and_come_back(&key);
    act(FAKE_VANISH, "", 0, 0);
    process_wait_state(&process, TOKEN_ABSENT);
    act(FAKE_RETURN, "", 0, 0);
    must_be_lost_and_come_back(&key);
}

static void handles_of_a_lost_generation_are_never_used_again(void **state)
{
    static struct test_key keys[4];
    struct process_answer answer;

    (void)state;
    atomic_store(&fake->tokens[0].reuse_handles, 1);
    for (size_t i = 0; i < PS_COUNT_OF(keys); i++) {
        make_key(&process, PS_ALG_ES256, PS_KEY_EC_P256, &keys[i]);
    }
    act(FAKE_LOSE_SESSIONS, "", 0, 0);
    sign_once(&keys[0], &answer);
    assert_problem(PS_PROBLEM_TOKEN_UNAVAILABLE, &answer);
    process_make_ready(&process);
    for (size_t i = 0; i < PS_COUNT_OF(keys); i++) {
        must_sign(&process, &keys[i], PS_ALG_ES256);
    }
}

static void module_that_keeps_failing_is_started_anew(void **state)
{
    static struct test_key keys[2];
    struct process_answer answer;

    (void)state;
    make_key(&process, PS_ALG_ES256, PS_KEY_EC_P256, &keys[0]);
    make_key(&process, PS_ALG_ES256, PS_KEY_EC_P256, &keys[1]);
    for (int times = 0; times < 3; times++) {
        const uint64_t starts = calls(FAKE_C_Initialize);

        script(FAKE_C_Sign, FAKE_RV, CKR_FUNCTION_FAILED, 0);
        for (unsigned i = 0; process.state == TOKEN_READY; i++) {
            assert_true(i < 10);
            sign_once(&keys[i % 2], &answer);
            assert_problem(PS_PROBLEM_TOKEN_UNAVAILABLE, &answer);
        }
        (void)control_clear_rule(fake, 0);
        must_be_lost_and_come_back(&keys[0]);
        assert_true(calls(FAKE_C_Initialize) > starts);
    }
}

static void one_broken_key_is_left_aside(void **state)
{
    struct fake_rule rule = {0};
    static struct test_key good;
    struct test_key broken;
    struct process_answer answer;
    uint64_t starts;

    (void)state;
    make_key(&process, PS_ALG_ES256, PS_KEY_EC_P256, &good);
    make_key(&process, PS_ALG_EDDSA, PS_KEY_ED25519, &broken);
    rule.function = FAKE_C_Sign;
    rule.mechanism = CKM_EDDSA;
    rule.attribute = FAKE_ANY;
    rule.token = FAKE_ANY;
    rule.action = FAKE_RV;
    rule.argument = CKR_FUNCTION_FAILED;
    assert_true(control_add_rule(fake, &rule) != 0);
    while (process.state == TOKEN_READY) {
        ask_to_sign(&process, &broken, PS_ALG_EDDSA, ps_bytes_str("message"), &answer);
        assert_problem(PS_PROBLEM_TOKEN_UNAVAILABLE, &answer);
    }
    must_be_lost_and_come_back(&good);
    starts = calls(FAKE_C_Initialize);
    for (int i = 0; i < 30; i++) {
        ask_to_sign(&process, &broken, PS_ALG_EDDSA, ps_bytes_str("message"), &answer);
        assert_problem(PS_PROBLEM_TOKEN_UNAVAILABLE, &answer);
    }
    must_sign(&process, &good, PS_ALG_ES256);
    assert_int_equal(calls(FAKE_C_Initialize), starts);
    assert_int_equal(process.state, TOKEN_READY);
}

static void faults_of_callers_never_trip_anything(void **state)
{
    struct test_key key;
    struct process_answer answer;

    (void)state;
    make_key(&process, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    script(FAKE_C_Sign, FAKE_RV, CKR_DATA_INVALID, 50);
    for (int i = 0; i < 50; i++) {
        sign_once(&key, &answer);
        assert_problem(PS_PROBLEM_REFUSED, &answer);
    }
    must_sign(&process, &key, PS_ALG_ES256);
    assert_int_equal(process.generation, 1);
}

static void initialisation_that_was_cut_off_can_be_repeated(void **state)
{
    const struct msg_token_initialise message = {
        .label = ps_bytes_str("second"),
        .so_pin = ps_bytes_str(SO_PIN),
        .pin = ps_bytes_str(TEST_PIN),
    };
    struct process_setup setup = fake_setup();
    struct process_answer answer;

    (void)state;
    setup.uri = "pkcs11:token=second";
    restart(&setup);
    process_wait_state(&process, TOKEN_BLANK);
    script(FAKE_C_InitPIN, FAKE_RV, CKR_GENERAL_ERROR, 1);
    process_call(&process, &msg_token_initialise_info, &message, &answer);
    assert_problem(PS_PROBLEM_TOKEN_UNAVAILABLE, &answer);
    process_wait_state(&process, TOKEN_BLANK);
    assert_string_equal(process.reason, "pin-not-set");
    process_call(&process, &msg_token_initialise_info, &message, &answer);
    assert_answered(&answer);
    process_make_ready(&process);
}

/* libp11 keeps sessions of its own, which are lost with ours. */
static void certificates_can_be_stored_after_a_loss(void **state)
{
    struct test_key key;
    struct process_answer answer;

    (void)state;
    make_key(&process, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    for (int times = 0; times < 4; times++) {
        uint8_t room[2048];
        const struct msg_token_certificate_put message = {
            .object_id = key_id(&key),
            .label = ps_bytes_str("a certificate"),
            .der = make_certificate(times + 1, room),
        };
        const struct msg_token_certificate_get get = {.object_id = key_id(&key)};
        const struct msg_token_octets *octets = (const void *)answer.message;

        process_call(&process, &msg_token_certificate_put_info, &message, &answer);
        assert_answered(&answer);
        process_call(&process, &msg_token_certificate_get_info, &get, &answer);
        assert_answered(&answer);
        assert_true(ps_bytes_equal(octets->octets, message.der));
        act(times % 2 == 0 ? FAKE_LOSE_SESSIONS : FAKE_LOG_OUT, "", 0, 0);
        sign_once(&key, &answer);
        assert_problem(PS_PROBLEM_TOKEN_UNAVAILABLE, &answer);
        must_be_lost_and_come_back(&key);
    }
}

static void start_that_fails_is_tried_again(void **state)
{
    struct process_setup setup = fake_setup();

    (void)state;
    script(FAKE_C_Initialize, FAKE_RV, CKR_GENERAL_ERROR, 3);
    restart(&setup);
    process_make_ready(&process);
}

static void module_that_survives_no_second_start_gets_a_new_process(void **state)
{
    struct process_setup setup = fake_setup();
    struct test_key key;
    struct process_answer answer;

    (void)state;
    make_key(&process, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    setup.profile = changed_profile("\"finalize\"", "\"exit\"");
    restart(&setup);
    process_make_ready(&process);
    script(FAKE_C_Sign, FAKE_RV, CKR_MUTEX_BAD, 1);
    sign_once(&key, &answer);
    assert_problem(PS_PROBLEM_TOKEN_UNAVAILABLE, &answer);
    assert_int_equal(process_wait_end(&process), TOKEN_EXIT_RELOAD);
}

static void module_is_unloaded_where_the_profile_says_so(void **state)
{
    struct process_setup setup = fake_setup();
    struct test_key key;
    struct process_answer answer;

    (void)state;
    make_key(&process, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    setup.profile = changed_profile("\"finalize\"", "\"unload\"");
    restart(&setup);
    process_make_ready(&process);
    for (int times = 0; times < 3; times++) {
        script(FAKE_C_Sign, FAKE_RV, CKR_MUTEX_BAD, 1);
        sign_once(&key, &answer);
        assert_problem(PS_PROBLEM_TOKEN_UNAVAILABLE, &answer);
        must_be_lost_and_come_back(&key);
    }
}

static void module_of_version_2_40_will_do(void **state)
{
    struct process_setup setup = fake_setup();
    struct test_key key;

    (void)state;
    atomic_store(&fake->offers_v3, 0);
    restart(&setup);
    process_make_ready(&process);
    make_key(&process, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    must_sign(&process, &key, PS_ALG_ES256);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_failure_has_a_class_for_every_call),
        cmocka_unit_test(wrong_pin_is_no_fault_that_is_tried_again),
        cmocka_unit_test(bad_data_of_a_caller_never_counts_against_the_token),
        cmocka_unit_test(rule_of_a_profile_comes_before_the_table),
        FAKE_TEST(answers_that_cost_one_request_cost_no_more),
        FAKE_TEST(answers_that_end_a_generation_are_recovered_from),
        FAKE_TEST(key_of_a_soft_token_is_made_at_the_second_try),
        FAKE_TEST(dead_handle_is_looked_up_again),
        FAKE_TEST(handle_that_stays_dead_is_looked_up_once),
        FAKE_TEST(session_with_a_left_over_operation_is_replaced),
        FAKE_TEST(lost_sessions_login_and_device_come_back),
        FAKE_TEST(loss_in_silence_is_noticed),
        FAKE_TEST(handles_of_a_lost_generation_are_never_used_again),
        FAKE_TEST(module_that_keeps_failing_is_started_anew),
        FAKE_TEST(one_broken_key_is_left_aside),
        FAKE_TEST(faults_of_callers_never_trip_anything),
        FAKE_TEST(initialisation_that_was_cut_off_can_be_repeated),
        FAKE_TEST(certificates_can_be_stored_after_a_loss),
        FAKE_TEST(start_that_fails_is_tried_again),
        FAKE_TEST(module_that_survives_no_second_start_gets_a_new_process),
        FAKE_TEST(module_is_unloaded_where_the_profile_says_so),
        FAKE_TEST(module_of_version_2_40_will_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
