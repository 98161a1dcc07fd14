#include "tests/unit/softhsm.h"
#include "tests/unit/token_keys.h"

/*
 * The token process against the real SoftHSM: what it makes, signs, keeps and refuses. Ed25519 is
 * in test_pkcs11_sessions.c.
 */

static struct process shared;

static int make_shared(void **state)
{
    (void)state;
    softhsm_begin(&shared, 1);
    return 0;
}

static int end_shared(void **state)
{
    (void)state;
    softhsm_end(&shared);
    return 0;
}

static void ecdsa_signs_on_every_curve(void **state)
{
    static const struct {
        enum ps_alg alg;
        enum ps_key_type type;
    } rows[] = {
        {PS_ALG_ES256, PS_KEY_EC_P256},
        {PS_ALG_ES384, PS_KEY_EC_P384},
        {PS_ALG_ES512, PS_KEY_EC_P521},
        {PS_ALG_ES256K, PS_KEY_EC_SECP256K1},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        struct test_key key;

        make_key(&shared, rows[i].alg, rows[i].type, &key);
        for (int times = 0; times < 5; times++) {
            must_sign(&shared, &key, rows[i].alg);
        }
    }
}

static void every_rsa_algorithm_signs(void **state)
{
    static const uint8_t algs[] = {PS_ALG_RS256, PS_ALG_RS384, PS_ALG_RS512,
                                   PS_ALG_PS256, PS_ALG_PS384, PS_ALG_PS512};
    static const enum ps_key_type types[] = {PS_KEY_RSA_2048, PS_KEY_RSA_3072};

    (void)state;
    for (size_t t = 0; t < PS_COUNT_OF(types); t++) {
        struct test_key key = {.type = types[t]};
        struct process_answer answer;

        ps_random(key.id, sizeof key.id);
        ask_for_key(&shared, &key, PS_USAGE_SIGN, algs, sizeof algs, &answer);
        keep_key(&answer, &key);
        for (size_t i = 0; i < sizeof algs; i++) {
            must_sign(&shared, &key, (enum ps_alg)algs[i]);
        }
    }
}

static void digest_of_another_length_is_refused(void **state)
{
    static const size_t lengths[] = {0, 1, 20, 31, 33, 48, 64, 100};
    uint8_t octets[100] = {1};
    struct test_key key;
    struct process_answer answer;

    (void)state;
    make_key(&shared, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    for (size_t i = 0; i < PS_COUNT_OF(lengths); i++) {
        ask_to_sign(&shared, &key, PS_ALG_ES256, ps_bytes(octets, lengths[i]), &answer);
        assert_problem(PS_PROBLEM_REFUSED, &answer);
    }
    must_sign(&shared, &key, PS_ALG_ES256);
}

static void key_and_algorithm_must_go_together(void **state)
{
    uint8_t digest[32] = {1};
    struct test_key key;
    struct process_answer answer;

    (void)state;
    make_key(&shared, PS_ALG_RS256, PS_KEY_RSA_2048, &key);
    ask_to_sign(&shared, &key, PS_ALG_ES256, ps_bytes(digest, 32), &answer);
    assert_problem(PS_PROBLEM_KEY_MISMATCH, &answer);
    ask_to_sign(&shared, &key, (enum ps_alg)200, ps_bytes(digest, 32), &answer);
    assert_problem(PS_PROBLEM_KEY_MISMATCH, &answer);
    /* Of the same type, but not among the mechanisms that the key was made for. */
    ask_to_sign(&shared, &key, PS_ALG_PS256, ps_bytes(digest, 32), &answer);
    assert_problem(PS_PROBLEM_KEY_MISMATCH, &answer);
    key.type = PS_KEY_RSA_3072;
    ask_to_sign(&shared, &key, PS_ALG_RS256, ps_bytes(digest, 32), &answer);
    assert_problem(PS_PROBLEM_KEY_MISMATCH, &answer);
    key.type = PS_KEY_RSA_2048;
    must_sign(&shared, &key, PS_ALG_RS256);
}

static void unknown_id_is_not_found(void **state)
{
    struct test_key key = {.type = PS_KEY_EC_P256, .id = "no such key"};
    uint8_t digest[32] = {1};
    struct process_answer answer;

    (void)state;
    for (int i = 0; i < 3; i++) {
        ask_to_sign(&shared, &key, PS_ALG_ES256, ps_bytes(digest, 32), &answer);
        assert_problem(PS_PROBLEM_NOT_FOUND, &answer);
    }
    assert_int_equal(shared.state, TOKEN_READY);
}

static void destroy(struct process *process, const struct test_key *key,
                    struct process_answer *answer)
{
    const struct msg_token_destroy message = {.object_id = key_id(key)};

    process_call(process, &msg_token_destroy_info, &message, answer);
}

static void destroyed_key_is_not_found(void **state)
{
    uint8_t digest[32] = {1};
    struct test_key key;
    struct process_answer answer;

    (void)state;
    make_key(&shared, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    destroy(&shared, &key, &answer);
    assert_answered(&answer);
    ask_to_sign(&shared, &key, PS_ALG_ES256, ps_bytes(digest, 32), &answer);
    assert_problem(PS_PROBLEM_NOT_FOUND, &answer);
    destroy(&shared, &key, &answer);
    assert_problem(PS_PROBLEM_NOT_FOUND, &answer);
}

static void keys_of_another_process_come_and_go(void **state)
{
    uint8_t digest[32] = {1};
    struct test_key key;
    struct process second;
    struct process_answer answer;

    (void)state;
    softhsm_start_second(&second, 1);
    make_key(&second, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    must_sign(&shared, &key, PS_ALG_ES256);
    destroy(&second, &key, &answer);
    assert_answered(&answer);
    ask_to_sign(&shared, &key, PS_ALG_ES256, ps_bytes(digest, 32), &answer);
    assert_problem(PS_PROBLEM_NOT_FOUND, &answer);
    assert_int_equal(shared.state, TOKEN_READY);
    assert_int_equal(process_stop(&second), 0);
}

static void key_that_was_not_found_is_found_once_it_is_made(void **state)
{
    const uint64_t deadline = ps_clock_mono_ns() + WAIT_NS;
    static const uint8_t algs[] = {PS_ALG_ES256};
    struct test_key key = {.type = PS_KEY_EC_P256};
    uint8_t digest[32] = {1};
    struct process second;
    struct process_answer answer;

    (void)state;
    ps_random(key.id, sizeof key.id);
    ask_to_sign(&shared, &key, PS_ALG_ES256, ps_bytes(digest, 32), &answer);
    assert_problem(PS_PROBLEM_NOT_FOUND, &answer);
    softhsm_start_second(&second, 1);
    ask_for_key(&second, &key, PS_USAGE_SIGN, algs, 1, &answer);
    keep_key(&answer, &key);
    do {
        ask_to_sign(&shared, &key, PS_ALG_ES256, ps_bytes(digest, 32), &answer);
    } while (answer_problem(&answer) != PS_PROBLEM_NONE && ps_clock_mono_ns() < deadline);
    assert_true(verifies(&key, PS_ALG_ES256, ps_bytes(digest, 32), &answer));
    assert_int_equal(process_stop(&second), 0);
}

static void id_in_use_is_a_conflict(void **state)
{
    static const uint8_t algs[] = {PS_ALG_ES256};
    struct test_key key;
    struct process_answer answer;

    (void)state;
    make_key(&shared, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    ask_for_key(&shared, &key, PS_USAGE_SIGN, algs, 1, &answer);
    assert_problem(PS_PROBLEM_CONFLICT, &answer);
    must_sign(&shared, &key, PS_ALG_ES256);
}

static void new_keeper_replaces_the_former(void **state)
{
    struct test_key key;

    (void)state;
    make_key(&shared, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    shared.states = 0;
    process_connect(&shared);
    process_wait_state(&shared, TOKEN_READY);
    must_sign(&shared, &key, PS_ALG_ES256);
}

static void probe_repeats_the_state(void **state)
{
    const struct msg_token_probe message = {0};
    const uint64_t before = shared.states;
    struct process_answer answer;

    (void)state;
    process_call(&shared, &msg_token_probe_info, &message, &answer);
    assert_answered(&answer);
    assert_true(shared.states > before);
    assert_string_equal(shared.label, "unit-test");
    assert_int_equal(shared.sessions, 1);
}

static int threads_of(pid_t pid)
{
    char path[64];
    char line[128];
    int threads = -1;
    FILE *file;

    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "Threads:", 8) == 0) {
            threads = atoi(line + 8);
        }
    }
    (void)fclose(file);
    return threads;
}

/* There where the thread sanitizer is, which brings a thread of its own. */
extern void __tsan_init(void) __attribute__((weak));

/* A second one would make every allocation of the module dearer: see pkcs11/token/watchdog.h. */
static void process_with_one_session_has_one_thread(void **state)
{
    (void)state;
    assert_int_equal(threads_of(shared.pid), __tsan_init == NULL ? 1 : 2);
}

static void logged_out_it_signs_nothing_until_it_is_logged_in_again(void **state)
{
    const struct msg_token_logout logout = {.unused = 0};
    uint8_t digest[32] = {1};
    struct test_key key;
    struct process_answer answer;

    (void)state;
    make_key(&shared, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    process_call(&shared, &msg_token_logout_info, &logout, &answer);
    assert_answered(&answer);
    ask_to_sign(&shared, &key, PS_ALG_ES256, ps_bytes(digest, 32), &answer);
    assert_problem(PS_PROBLEM_TOKEN_UNAVAILABLE, &answer);
    process_wait_state(&shared, TOKEN_NEEDS_LOGIN);
    ask_to_sign(&shared, &key, PS_ALG_ES256, ps_bytes(digest, 32), &answer);
    assert_problem(PS_PROBLEM_TOKEN_UNAVAILABLE, &answer);
    /* Once more changes nothing. */
    process_call(&shared, &msg_token_logout_info, &logout, &answer);
    assert_answered(&answer);
    assert_int_equal(shared.state, TOKEN_NEEDS_LOGIN);
    process_make_ready(&shared);
    must_sign(&shared, &key, PS_ALG_ES256);
}

static void token_is_initialised_once(void **state)
{
    const struct msg_token_initialise message = {.label = ps_bytes_str("other"),
                                                 .so_pin = ps_bytes_str(SO_PIN),
                                                 .pin = ps_bytes_str("9999")};
    struct process_answer answer;

    (void)state;
    process_call(&shared, &msg_token_initialise_info, &message, &answer);
    assert_problem(PS_PROBLEM_TOKEN_UNAVAILABLE, &answer);
    assert_int_equal(shared.state, TOKEN_READY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ecdsa_signs_on_every_curve),
        cmocka_unit_test(every_rsa_algorithm_signs),
        cmocka_unit_test(digest_of_another_length_is_refused),
        cmocka_unit_test(key_and_algorithm_must_go_together),
        cmocka_unit_test(unknown_id_is_not_found),
        cmocka_unit_test(destroyed_key_is_not_found),
        cmocka_unit_test(keys_of_another_process_come_and_go),
        cmocka_unit_test(key_that_was_not_found_is_found_once_it_is_made),
        cmocka_unit_test(id_in_use_is_a_conflict),
        cmocka_unit_test(new_keeper_replaces_the_former),
        cmocka_unit_test(probe_repeats_the_state),
        cmocka_unit_test(logged_out_it_signs_nothing_until_it_is_logged_in_again),
        cmocka_unit_test(process_with_one_session_has_one_thread),
        cmocka_unit_test(token_is_initialised_once),
    };

    return cmocka_run_group_tests(tests, make_shared, end_shared);
}
