#include "tests/unit/sshsig_maker.h"

static const enum ssh_key_type sk_types[] = {SSH_KEY_SK_ED25519, SSH_KEY_SK_ECDSA_P256};

static void flags_are_asked_for_as_the_policy_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(sk_types); i++) {
        struct ssh_test_key key = ssh_test_key(sk_types[i], "ssh:");
        const struct sshsig_policy only_verification = {.application = "ssh:",
                                                        .verification = true};
        const struct recipe none = {.flags = 0};
        const struct recipe touched = {.flags = SSHSIG_FLAG_PRESENCE};
        const struct recipe pin = {.flags = SSHSIG_FLAG_VERIFICATION};
        const struct recipe all = {.flags = SSHSIG_FLAG_PRESENCE | SSHSIG_FLAG_VERIFICATION};

        assert_ok(sshsig_test_sign_and_verify(&key, &none, &no_flags));
        assert_ok(sshsig_test_sign_and_verify(&key, &touched, &presence));
        assert_ok(sshsig_test_sign_and_verify(&key, &pin, &only_verification));
        assert_ok(sshsig_test_sign_and_verify(&key, &all, &both));
        assert_fails(PS_E_DENIED, sshsig_test_sign_and_verify(&key, &none, &presence));
        assert_says("nobody touched the hardware key");
        assert_fails(PS_E_DENIED, sshsig_test_sign_and_verify(&key, &pin, &presence));
        assert_fails(PS_E_DENIED, sshsig_test_sign_and_verify(&key, &pin, &both));
        assert_says("nobody touched the hardware key");
        assert_fails(PS_E_DENIED, sshsig_test_sign_and_verify(&key, &touched, &both));
        assert_says("did not ask for a PIN");
        assert_fails(PS_E_DENIED, sshsig_test_sign_and_verify(&key, &touched, &only_verification));
        ssh_test_key_clear(&key);
    }
}

/* The flags in the file are the ones that were signed. */
static void flags_and_counter_cannot_be_changed_afterwards(void **state)
{
    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(sk_types); i++) {
        struct ssh_test_key key = ssh_test_key(sk_types[i], "ssh:");
        const struct recipe touched = {.flags = SSHSIG_FLAG_PRESENCE, .counter = 9};
        PS_BUF_AUTO blob = {.max = 2048};
        PS_BUF_AUTO armored = {.max = SSHSIG_ARMORED_MAX};

        sshsig_test_put_envelope(&key, &touched, LITERAL(SSHSIG_TEST_MESSAGE), &blob);
        blob.data[blob.len - 5] |= SSHSIG_FLAG_VERIFICATION;
        sshsig_test_put_armored(ps_buf_bytes(&blob), 70, &armored);
        assert_fails(PS_E_DENIED, sshsig_test_verify(ps_buf_bytes(&armored), &key, &both));
        assert_says("does not verify");
        blob.data[blob.len - 5] = SSHSIG_FLAG_PRESENCE;
        blob.data[blob.len - 1]++;
        ps_buf_reset(&armored);
        sshsig_test_put_armored(ps_buf_bytes(&blob), 70, &armored);
        assert_fails(PS_E_DENIED, sshsig_test_verify(ps_buf_bytes(&armored), &key, &presence));
        assert_says("does not verify");
        ssh_test_key_clear(&key);
    }
}

static void flags_and_counter_are_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(sk_types); i++) {
        struct ssh_test_key key = ssh_test_key(sk_types[i], "ssh:");
        const struct recipe recipe = {.flags = 0x1d, .counter = 0xfedcba98};
        struct sshsig_seen seen;
        PS_BUF_AUTO armored = {.max = SSHSIG_ARMORED_MAX};

        sshsig_test_sign(&key, &recipe, LITERAL(SSHSIG_TEST_MESSAGE), &armored);
        assert_ok(sshsig_verify(ps_buf_bytes(&armored), key.key, SSHSIG_TEST_NAMESPACE,
                                LITERAL(SSHSIG_TEST_MESSAGE), &both, &seen));
        assert_true(seen.sk);
        assert_int_equal(seen.flags, 0x1d);
        assert_int_equal(seen.counter, 0xfedcba98);
        ssh_test_key_clear(&key);
    }
}

static void flags_that_announce_more_data_are_input_errors(void **state)
{
    static const uint8_t unknown[] = {0x02, 0x20, 0x40, 0x80};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(unknown); i++) {
        assert_malformed(SSH_KEY_SK_ED25519, "announces data",
                         .flags = (uint8_t)(SSHSIG_FLAG_PRESENCE | unknown[i]));
        assert_malformed(SSH_KEY_SK_ECDSA_P256, "announces data", .flags = unknown[i]);
    }
}

static void the_application_is_the_policys_and_is_signed(void **state)
{
    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(sk_types); i++) {
        struct ssh_test_key key = ssh_test_key(sk_types[i], "ssh:");
        struct ssh_test_key other = ssh_test_key(sk_types[i], "ssh:other");
        const struct sshsig_policy wants_other = {.application = "ssh:other"};
        const struct recipe good = {0};
        const struct recipe swapped = {.application = "ssh:other"};

        assert_ok(sshsig_test_sign_and_verify(&other, &good, &wants_other));
        assert_fails(PS_E_DENIED, sshsig_test_sign_and_verify(&other, &good, &no_flags));
        assert_says("another application");
        assert_fails(PS_E_DENIED, sshsig_test_sign_and_verify(&key, &good, &wants_other));
        assert_fails(PS_E_DENIED, sshsig_test_sign_and_verify(&key, &swapped, &no_flags));
        assert_says("does not verify");
        ssh_test_key_clear(&key);
        ssh_test_key_clear(&other);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_are_asked_for_as_the_policy_says),
        cmocka_unit_test(flags_and_counter_cannot_be_changed_afterwards),
        cmocka_unit_test(flags_and_counter_are_told),
        cmocka_unit_test(flags_that_announce_more_data_are_input_errors),
        cmocka_unit_test(the_application_is_the_policys_and_is_signed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
