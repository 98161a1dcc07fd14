#include "tests/unit/softhsm.h"
#include "tests/unit/token_keys.h"

/*
 * Several sessions of a token, and Ed25519. SoftHSM leaks at each signature with it: which leak is
 * its own is only told from whole stacks, so that no other test of the process makes one.
 */

#define SESSIONS 4u

static struct process process;

static int begin(void **state)
{
    (void)state;
    softhsm_begin(&process, SESSIONS);
    return 0;
}

static int end(void **state)
{
    (void)state;
    softhsm_end(&process);
    return 0;
}

static void threads_share_the_work(void **state)
{
    static uint8_t digests[200][32];
    struct test_key key;
    struct process_answer answer;
    uint64_t first;

    (void)state;
    make_key(&process, PS_ALG_ES256, PS_KEY_EC_P256, &key);
    assert_int_equal(process.sessions, SESSIONS);
    first = process.next_id;
    for (size_t i = 0; i < PS_COUNT_OF(digests); i++) {
        struct msg_token_sign message = sign_message(&key, PS_ALG_ES256, ps_bytes(digests[i], 32));

        ps_random(digests[i], 32);
        (void)process_send(&process, &msg_token_sign_info, &message);
    }
    for (size_t i = 0; i < PS_COUNT_OF(digests); i++) {
        assert_true(process_receive(&process, ps_clock_mono_ns() + WAIT_NS, &answer));
        assert_true(
            verifies(&key, PS_ALG_ES256, ps_bytes(digests[answer.id - first], 32), &answer));
    }
}

static void ed25519_signs(void **state)
{
    struct test_key key;

    (void)state;
    make_key(&process, PS_ALG_EDDSA, PS_KEY_ED25519, &key);
    for (int times = 0; times < 5; times++) {
        must_sign(&process, &key, PS_ALG_EDDSA);
    }
}

static void eddsa_signs_a_long_message_and_an_empty_one(void **state)
{
    static uint8_t octets[IPC_PAYLOAD_MAX];
    struct test_key key;
    struct process_answer answer;

    (void)state;
    make_key(&process, PS_ALG_EDDSA, PS_KEY_ED25519, &key);
    ps_random(octets, sizeof octets);
    ask_to_sign(&process, &key, PS_ALG_EDDSA, ps_bytes(octets, sizeof octets), &answer);
    assert_true(verifies(&key, PS_ALG_EDDSA, ps_bytes(octets, sizeof octets), &answer));
    ask_to_sign(&process, &key, PS_ALG_EDDSA, ps_bytes(octets, 0), &answer);
    assert_true(verifies(&key, PS_ALG_EDDSA, ps_bytes(octets, 0), &answer));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_share_the_work),
        cmocka_unit_test(ed25519_signs),
        cmocka_unit_test(eddsa_signs_a_long_message_and_an_empty_one),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
