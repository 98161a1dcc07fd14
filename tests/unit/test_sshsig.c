#include "tests/unit/sshsig_maker.h"

static void signatures_of_ssh_keygen_verify(void **state)
{
    static const char *const names[] = {"ed25519", "ecdsa-p256", "ecdsa-p384"};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
        PS_CLEANUP(ssh_key_free_cleanup) struct ssh_key *key = NULL;
        SSHSIG_CLAIM_AUTO claim = {0};
        struct sshsig_seen seen = {.sk = true, .flags = 9, .counter = 9};
        char name[64];
        PS_BUF_AUTO message;
        PS_BUF_AUTO line;
        PS_BUF_AUTO armored;

        read_vectors("ssh/message", &message);
        (void)snprintf(name, sizeof name, "ssh/%s.pub", names[i]);
        read_vectors(name, &line);
        (void)snprintf(name, sizeof name, "ssh/%s.sig", names[i]);
        read_vectors(name, &armored);
        assert_ok(ssh_key_parse_line(ps_buf_bytes(&line), &key));
        assert_ok(sshsig_verify(ps_buf_bytes(&armored), key, SSHSIG_TEST_NAMESPACE,
                                ps_buf_bytes(&message), &both, &seen));
        assert_true(!seen.sk && seen.flags == 0 && seen.counter == 0);
        assert_ok(sshsig_peek(ps_buf_bytes(&armored), &claim));
        assert_true(ssh_key_equal(claim.key, key));
        assert_string_equal(claim.namespace, SSHSIG_TEST_NAMESPACE);
        message.data[3] ^= 1;
        assert_fails(PS_E_DENIED, sshsig_verify(ps_buf_bytes(&armored), key, SSHSIG_TEST_NAMESPACE,
                                                ps_buf_bytes(&message), &both, &seen));
        assert_says("other octets were signed");
    }
}

/* PROTOCOL.sshsig section 1 shows one from before there was a hash's name; ssh-keygen refuses it.
 */
static void the_published_example_without_a_hash_is_an_input_error(void **state)
{
    (void)state;
    assert_fails(PS_E_INPUT,
                 sshsig_test_peek(LITERAL(
                     "-----BEGIN SSH SIGNATURE-----\n"
                     "U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgJKxoLBJBivUPNTUJUSslQTt2hD\n"
                     "jozKvHarKeN8uYFqgAAAADZm9vAAAAAAAAAFMAAAALc3NoLWVkMjU1MTkAAABAKNC4IEbt\n"
                     "Tq0Fb56xhtuE1/lK9H9RZJfON4o6hE9R4ZGFX98gy0+fFJ/1d2/RxnZky0Y7GojwrZkrHT\n"
                     "FgCqVWAQ==\n"
                     "-----END SSH SIGNATURE-----\n")));
    assert_says("cut short");
}

static void signatures_with_refused_keys_and_hashes_are_input_errors(void **state)
{
    static const struct {
        const char *file;
        const char *words;
    } rows[] = {
        {"ssh/rsa.sig", "RSA keys are not accepted"},
        {"ssh/ecdsa-p521.sig", "P-521 are not accepted"},
        {"ssh/ed25519-sha256.sig", "another hash than sha512"},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        PS_BUF_AUTO armored;

        read_vectors(rows[i].file, &armored);
        assert_fails(PS_E_INPUT, sshsig_test_peek(ps_buf_bytes(&armored)));
        assert_says(rows[i].words);
    }
}

static void every_type_signs_and_any_changed_octet_is_refused(void **state)
{
    (void)state;
    for (unsigned i = SSH_KEY_NONE + 1; i < SSH_KEY_COUNT; i++) {
        struct ssh_test_key key = ssh_test_key((enum ssh_key_type)i, "ssh:");
        const struct recipe recipe = {.flags = 5, .counter = 7};
        PS_BUF_AUTO blob = {.max = 2048};
        PS_BUF_AUTO armored = {.max = SSHSIG_ARMORED_MAX};

        sshsig_test_put_envelope(&key, &recipe, LITERAL(SSHSIG_TEST_MESSAGE), &blob);
        sshsig_test_put_armored(ps_buf_bytes(&blob), 70, &armored);
        assert_ok(sshsig_test_verify(ps_buf_bytes(&armored), &key, &both));
        for (size_t at = 0; at < blob.len; at++) {
            blob.data[at] ^= 0x40;
            ps_buf_reset(&armored);
            sshsig_test_put_armored(ps_buf_bytes(&blob), 70, &armored);
            assert_true(sshsig_test_verify(ps_buf_bytes(&armored), &key, &both) != PS_OK);
            blob.data[at] ^= 0x40;
        }
        for (size_t len = 0; len < blob.len; len++) {
            ps_buf_reset(&armored);
            sshsig_test_put_armored(ps_bytes(blob.data, len), 70, &armored);
            assert_fails(PS_E_INPUT, sshsig_test_verify(ps_buf_bytes(&armored), &key, &both));
        }
        ssh_test_key_clear(&key);
    }
}

/* What is signed is right in all of these. */
static void an_envelope_of_another_form_is_an_input_error(void **state)
{
    const enum ssh_key_type type = SSH_KEY_ED25519;
    char longer[SSHSIG_NAMESPACE_MAX + 2];

    (void)state;
    memset(longer, 'n', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    assert_malformed(type, "version 1", .preamble = "SSHSIH");
    assert_malformed(type, "version 1", .version = 2);
    assert_malformed(type, "version 1", .version = 0x01000000);
    assert_malformed(type, "reserved field", .reserved = "x");
    assert_malformed(type, "another hash than sha512", .hash = "sha256");
    assert_malformed(type, "another hash than sha512", .hash = "SHA512");
    assert_malformed(type, "another hash than sha512", .hash = "");
    assert_malformed(type, "namespace", .namespace = "");
    assert_malformed(type, "namespace", .namespace = "a b");
    assert_malformed(type, "namespace", .namespace = "a\nb");
    assert_malformed(type, "namespace", .namespace = "a\x7f");
    assert_malformed(type, "namespace", .namespace = longer);
    assert_malformed(type, "octets left over", .after_all = "x");
    assert_malformed(type, "octets left over", .after_inner = "x");
}

static void an_inner_signature_of_another_form_is_an_input_error(void **state)
{
    (void)state;
    for (unsigned i = SSH_KEY_NONE + 1; i < SSH_KEY_COUNT; i++) {
        const enum ssh_key_type type = (enum ssh_key_type)i;

        assert_malformed(type, "octets left over", .after_inner = "x");
        assert_malformed(type, "not of the type of its key", .type = "ssh-rsa");
        if (ssh_test_types[i].curve == NULL) {
            assert_malformed(type, "not of 64 octets", .after_numbers = "x");
            assert_malformed(type, "not of 64 octets", .signature_len = 63);
        }
    }
    assert_malformed(SSH_KEY_SK_ED25519, "not of the type of its key", .type = "ssh-ed25519");
    assert_malformed(SSH_KEY_SK_ECDSA_P256, "not of the type of its key",
                     .type = "webauthn-sk-ecdsa-sha2-nistp256@openssh.com");
}

static void ecdsa_numbers_have_one_encoding_and_are_in_range(void **state)
{
    static const enum ssh_key_type ec[] = {SSH_KEY_ECDSA_P256, SSH_KEY_ECDSA_P384,
                                           SSH_KEY_SK_ECDSA_P256};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(ec); i++) {
        assert_malformed(ec[i], "shortest form", .numbers = NUMBERS_PADDED);
        assert_malformed(ec[i], "zero, negative", .numbers = NUMBERS_NEGATIVE);
        assert_malformed(ec[i], "zero, negative", .numbers = NUMBERS_R_ZERO);
        assert_malformed(ec[i], "zero, negative", .numbers = NUMBERS_S_ZERO);
        assert_malformed(ec[i], "zero or not in its shortest", .numbers = NUMBERS_S_ZERO_OCTET);
        assert_malformed(ec[i], "below the order", .numbers = NUMBERS_R_ORDER);
        assert_malformed(ec[i], "below the order", .numbers = NUMBERS_S_ORDER);
        assert_malformed(ec[i], "too long", .numbers = NUMBERS_LONG);
        assert_malformed(ec[i], "missing", .numbers = NUMBERS_R_ALONE);
        assert_malformed(ec[i], "left over in this ECDSA", .after_numbers = "x");
    }
}

/* Numbers are short now and then: an octet of zeros in front is the field's, not the mpint's. */
static void short_numbers_verify(void **state)
{
    struct ssh_test_key key = ssh_test_key(SSH_KEY_ECDSA_P256, NULL);
    const struct recipe recipe = {0};

    (void)state;
    for (int i = 0; i < 600; i++) {
        assert_ok(sshsig_test_sign_and_verify(&key, &recipe, &no_flags));
    }
    ssh_test_key_clear(&key);
}

static void another_key_or_namespace_is_denied(void **state)
{
    struct ssh_test_key key = ssh_test_key(SSH_KEY_ED25519, NULL);
    struct ssh_test_key other = ssh_test_key(SSH_KEY_ED25519, NULL);
    const struct recipe good = {0};
    const struct recipe another = {.namespace = "reject.ceremony.privyseal.v1"};
    const struct recipe prefix = {.namespace = "approve.ceremony.privyseal.v"};
    PS_BUF_AUTO armored = {.max = SSHSIG_ARMORED_MAX};

    (void)state;
    sshsig_test_sign(&key, &good, LITERAL(SSHSIG_TEST_MESSAGE), &armored);
    assert_fails(PS_E_DENIED, sshsig_test_verify(ps_buf_bytes(&armored), &other, &no_flags));
    assert_says("by another key");
    assert_fails(PS_E_DENIED, sshsig_test_sign_and_verify(&key, &another, &no_flags));
    assert_says("sign with -n " SSHSIG_TEST_NAMESPACE);
    assert_fails(PS_E_DENIED, sshsig_test_sign_and_verify(&key, &prefix, &no_flags));
    ssh_test_key_clear(&key);
    ssh_test_key_clear(&other);
}

/* The same hardware key's point under another application, or under a type that is not sk-. */
static void the_key_is_the_one_expected_octet_for_octet(void **state)
{
    struct ssh_test_key key = ssh_test_key(SSH_KEY_SK_ED25519, "ssh:");
    struct ssh_test_key as_plain = key;
    struct ssh_test_key as_other = key;
    const struct recipe recipe = {.flags = 1};
    PS_BUF_AUTO armored = {.max = SSHSIG_ARMORED_MAX};

    (void)state;
    as_plain.type = SSH_KEY_ED25519;
    as_plain.blob = (struct ps_buf){.max = SSH_KEY_BLOB_MAX};
    ssh_test_put_blob(&as_plain, &as_plain.blob);
    sshsig_test_sign(&as_plain, &recipe, LITERAL(SSHSIG_TEST_MESSAGE), &armored);
    assert_fails(PS_E_DENIED, sshsig_test_verify(ps_buf_bytes(&armored), &key, &presence));
    assert_says("by another key");
    as_other.application = "ssh:other";
    as_other.blob = (struct ps_buf){.max = SSH_KEY_BLOB_MAX};
    ssh_test_put_blob(&as_other, &as_other.blob);
    ps_buf_reset(&armored);
    sshsig_test_sign(&as_other, &recipe, LITERAL(SSHSIG_TEST_MESSAGE), &armored);
    assert_fails(PS_E_DENIED, sshsig_test_verify(ps_buf_bytes(&armored), &key, &presence));
    assert_says("by another key");
    ps_buf_clear(&as_plain.blob);
    ps_buf_clear(&as_other.blob);
    ssh_test_key_clear(&key);
}

static void a_newline_that_an_editor_added_or_lost_is_named(void **state)
{
    struct ssh_test_key key = ssh_test_key(SSH_KEY_SK_ECDSA_P256, "ssh:");
    const struct recipe recipe = {.flags = 1};
    struct sshsig_seen seen;
    PS_BUF_AUTO armored = {.max = SSHSIG_ARMORED_MAX};

    (void)state;
    sshsig_test_sign(&key, &recipe, LITERAL(SSHSIG_TEST_MESSAGE "\n"), &armored);
    assert_fails(PS_E_DENIED, sshsig_test_verify(ps_buf_bytes(&armored), &key, &presence));
    assert_says("an editor has added a newline at the end of the file");
    ps_buf_reset(&armored);
    sshsig_test_sign(&key, &recipe, LITERAL(SSHSIG_TEST_MESSAGE), &armored);
    assert_fails(PS_E_DENIED, sshsig_verify(ps_buf_bytes(&armored), key.key, SSHSIG_TEST_NAMESPACE,
                                            LITERAL(SSHSIG_TEST_MESSAGE "\n"), &presence, &seen));
    assert_says("the newline at the end of the file was lost");
    assert_fails(PS_E_DENIED, sshsig_verify(ps_buf_bytes(&armored), key.key, SSHSIG_TEST_NAMESPACE,
                                            LITERAL(SSHSIG_TEST_MESSAGE "x"), &presence, &seen));
    assert_says("other octets were signed");
    assert_fails(PS_E_DENIED, sshsig_verify(ps_buf_bytes(&armored), key.key, SSHSIG_TEST_NAMESPACE,
                                            LITERAL(""), &presence, &seen));
    assert_says("other octets were signed");
    ssh_test_key_clear(&key);
}

static void an_empty_message_can_be_signed(void **state)
{
    struct ssh_test_key key = ssh_test_key(SSH_KEY_ED25519, NULL);
    const struct recipe recipe = {0};
    struct sshsig_seen seen;
    PS_BUF_AUTO armored = {.max = SSHSIG_ARMORED_MAX};

    (void)state;
    sshsig_test_sign(&key, &recipe, LITERAL(""), &armored);
    assert_ok(sshsig_verify(ps_buf_bytes(&armored), key.key, SSHSIG_TEST_NAMESPACE,
                            ps_bytes(NULL, 0), &no_flags, &seen));
    ssh_test_key_clear(&key);
}

static void namespaces_end_at_their_limit(void **state)
{
    struct ssh_test_key key = ssh_test_key(SSH_KEY_ED25519, NULL);
    char longest[SSHSIG_NAMESPACE_MAX + 1];
    const struct recipe recipe = {.namespace = longest};
    SSHSIG_CLAIM_AUTO claim = {0};
    struct sshsig_seen seen;
    PS_BUF_AUTO armored = {.max = SSHSIG_ARMORED_MAX};

    (void)state;
    memset(longest, 'n', sizeof longest);
    longest[SSHSIG_NAMESPACE_MAX] = '\0';
    sshsig_test_sign(&key, &recipe, LITERAL(SSHSIG_TEST_MESSAGE), &armored);
    assert_ok(sshsig_verify(ps_buf_bytes(&armored), key.key, longest, LITERAL(SSHSIG_TEST_MESSAGE),
                            &no_flags, &seen));
    assert_ok(sshsig_peek(ps_buf_bytes(&armored), &claim));
    assert_string_equal(claim.namespace, longest);
    ssh_test_key_clear(&key);
}

static void a_refused_claim_leaves_the_result_alone(void **state)
{
    struct sshsig_claim claim = {.namespace = "before"};

    (void)state;
    assert_fails(PS_E_INPUT, sshsig_peek(LITERAL("x"), &claim));
    assert_null(claim.key);
    assert_string_equal(claim.namespace, "before");
    sshsig_claim_clear(&claim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_of_ssh_keygen_verify),
        cmocka_unit_test(the_published_example_without_a_hash_is_an_input_error),
        cmocka_unit_test(signatures_with_refused_keys_and_hashes_are_input_errors),
        cmocka_unit_test(every_type_signs_and_any_changed_octet_is_refused),
        cmocka_unit_test(an_envelope_of_another_form_is_an_input_error),
        cmocka_unit_test(an_inner_signature_of_another_form_is_an_input_error),
        cmocka_unit_test(ecdsa_numbers_have_one_encoding_and_are_in_range),
        cmocka_unit_test(short_numbers_verify),
        cmocka_unit_test(another_key_or_namespace_is_denied),
        cmocka_unit_test(the_key_is_the_one_expected_octet_for_octet),
        cmocka_unit_test(a_newline_that_an_editor_added_or_lost_is_named),
        cmocka_unit_test(an_empty_message_can_be_signed),
        cmocka_unit_test(namespaces_end_at_their_limit),
        cmocka_unit_test(a_refused_claim_leaves_the_result_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
