#include "tests/unit/softhsm.h"
#include "tests/unit/token_keys.h"

#include <sys/file.h>
#include <sys/syscall.h>

/*
 * Two processes of one token: while both make and destroy keys and look for some, neither may come
 * upon an object that is half written, nor miss one. SoftHSM would keep to what it saw then.
 */

enum { ROUNDS = 25, LOOKS = 16 };

static struct process processes[2];

/*
 * In the place of the C library's: processes that are forked from now on get the lock of the store
 * whenever it comes. After half a second they would go on without it, which a machine that does
 * much else may well take, and that is not what is seen here.
 */
static bool are_patient;

int flock(int fd, int how)
{
    return (int)syscall(SYS_flock, fd, are_patient ? how & ~LOCK_NB : how);
}

static int make_processes(void **state)
{
    (void)state;
    are_patient = true;
    softhsm_begin(&processes[0], 2);
    softhsm_start_second(&processes[1], 2);
    return 0;
}

static int end_processes(void **state)
{
    (void)state;
    assert_int_equal(process_stop(&processes[1]), 0);
    softhsm_end(&processes[0]);
    return 0;
}

static uint64_t ask_to_make(struct process *process, const struct test_key *key)
{
    static const uint8_t algs[] = {PS_ALG_ES256};
    const struct msg_token_generate message = {
        .object_id = key_id(key),
        .label = ps_bytes_str("shared.key"),
        .key_type = (uint8_t)key->type,
        .usage = PS_USAGE_SIGN,
        .algorithms = ps_bytes(algs, 1),
    };

    return process_send(process, &msg_token_generate_info, &message);
}

static uint64_t ask_to_destroy(struct process *process, const struct test_key *key)
{
    const struct msg_token_destroy message = {.object_id = key_id(key)};

    return process_send(process, &msg_token_destroy_info, &message);
}

/* Signatures with keys that are not there: each is looked for among all that is there. */
static void ask_for_nothing(struct process *process)
{
    static const uint8_t digest[32] = {1};

    for (int i = 0; i < LOOKS; i++) {
        struct test_key none = {.type = PS_KEY_EC_P256};
        struct msg_token_sign message = {0};

        ps_random(none.id, sizeof none.id);
        message = sign_message(&none, PS_ALG_ES256, ps_bytes(digest, sizeof digest));
        (void)process_send(process, &msg_token_sign_info, &message);
    }
}

/* Answers to the others are passed over: they come in any order. */
static void wait_for(struct process *process, uint64_t id, struct process_answer *ret_answer)
{
    const uint64_t deadline = ps_clock_mono_ns() + 2 * WAIT_NS;

    do {
        assert_true(process_receive(process, deadline, ret_answer));
    } while (ret_answer->id != id);
}

/* Each process makes one, both at once, while both look for others. */
static void make_two(struct test_key keys[2])
{
    struct process_answer answer;
    uint64_t ids[2];

    for (size_t i = 0; i < 2; i++) {
        keys[i].type = PS_KEY_EC_P256;
        ps_random(keys[i].id, sizeof keys[i].id);
        ids[i] = ask_to_make(&processes[i], &keys[i]);
        ask_for_nothing(&processes[i]);
    }
    for (size_t i = 0; i < 2; i++) {
        wait_for(&processes[i], ids[i], &answer);
        keep_key(&answer, &keys[i]);
    }
}

/* Each process destroys what the other one made. */
static void destroy_two(const struct test_key keys[2])
{
    struct process_answer answer;
    uint64_t ids[2];

    for (size_t i = 0; i < 2; i++) {
        ids[i] = ask_to_destroy(&processes[i], &keys[1 - i]);
    }
    for (size_t i = 0; i < 2; i++) {
        wait_for(&processes[i], ids[i], &answer);
        assert_answered(&answer);
    }
}

static void keys_of_several_processes_sign_everywhere_at_once(void **state)
{
    static struct test_key keys[ROUNDS][2];

    (void)state;
    for (size_t round = 0; round < ROUNDS; round++) {
        make_two(keys[round]);
        for (size_t i = 0; i < 4; i++) {
            must_sign(&processes[i / 2], &keys[round][i % 2], PS_ALG_ES256);
        }
        if (round % 4 == 3) {
            destroy_two(keys[round - 1]);
        }
    }
    assert_int_equal(processes[0].generation, 1);
    assert_int_equal(processes[1].generation, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keys_of_several_processes_sign_everywhere_at_once,
                                        make_processes, end_processes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
