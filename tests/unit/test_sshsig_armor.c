#include "tests/unit/sshsig_maker.h"

/* A signature that verifies, in a text that is changed: its end, its lines, what is around it. */
static void check_text(const struct ssh_test_key *key, struct ps_bytes text, bool good,
                       const char *words, int line)
{
    check_err(good ? PS_OK : PS_E_INPUT, sshsig_test_verify(text, key, &no_flags), "verify",
              __FILE__, line);
    if (!good) {
        check_says(words, __FILE__, line);
        check_err(PS_E_INPUT, sshsig_test_peek(text), "peek", __FILE__, line);
    }
}

static void nothing_stands_around_the_armor(void **state)
{
    static const struct {
        const char *before;
        size_t cut; /* octets at the end */
        const char *after;
        const char *words; /* NULL: good */
    } rows[] = {
        {"", 0, "", NULL},
        {"", 1, "", NULL},
        {"", 0, "\n", "does not end"},
        {"", 0, " ", "does not end"},
        {"", 1, "x", "does not end"},
        {"", 2, "", "does not end"},
        {"", 29, "", "does not end"},
        {"\n", 0, "", "does not begin"},
        {" ", 0, "", "does not begin"},
        {"\xef\xbb\xbf", 0, "", "does not begin"},
        {"", 1, "\r\n", "carriage returns"},
    };
    struct ssh_test_key key = ssh_test_key(SSH_KEY_ED25519, NULL);
    const struct recipe recipe = {0};
    PS_BUF_AUTO armored = {.max = SSHSIG_ARMORED_MAX};

    (void)state;
    sshsig_test_sign(&key, &recipe, LITERAL(SSHSIG_TEST_MESSAGE), &armored);
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        PS_BUF_AUTO text = {.max = SSHSIG_ARMORED_MAX};

        ps_buf_put_str(&text, rows[i].before);
        ps_buf_put(&text, ps_bytes(armored.data, armored.len - rows[i].cut));
        ps_buf_put_str(&text, rows[i].after);
        check_text(&key, ps_buf_bytes(&text), rows[i].words == NULL, rows[i].words, __LINE__);
    }
    for (size_t len = 0; len < armored.len - 1; len++) {
        assert_fails(PS_E_INPUT, sshsig_test_verify(ps_bytes(armored.data, len), &key, &no_flags));
    }
    ssh_test_key_clear(&key);
}

static void lines_of_base64_are_of_1_to_76_letters(void **state)
{
    struct ssh_test_key key = ssh_test_key(SSH_KEY_ED25519, NULL);
    const struct recipe recipe = {0};
    PS_BUF_AUTO blob = {.max = 2048};

    (void)state;
    sshsig_test_put_envelope(&key, &recipe, LITERAL(SSHSIG_TEST_MESSAGE), &blob);
    for (size_t width = 1; width <= 80; width++) {
        PS_BUF_AUTO armored = {.max = SSHSIG_ARMORED_MAX};

        sshsig_test_put_armored(ps_buf_bytes(&blob), width, &armored);
        check_text(&key, ps_buf_bytes(&armored), width <= 76, "empty or over 76", __LINE__);
    }
    ssh_test_key_clear(&key);
}

/* Puts `octet` at `offset` into the text of a good signature. */
static enum ps_err verify_with_octet(const struct ssh_test_key *key, struct ps_bytes armored,
                                     size_t offset, char octet)
{
    PS_BUF_AUTO text = {.max = SSHSIG_ARMORED_MAX};

    ps_buf_put(&text, ps_bytes(armored.data, offset));
    ps_buf_put_u8(&text, (uint8_t)octet);
    ps_buf_put(&text, ps_bytes_from(armored, offset));
    return sshsig_test_verify(ps_buf_bytes(&text), key, &no_flags);
}

static void base64_holds_nothing_else(void **state)
{
    struct ssh_test_key key = ssh_test_key(SSH_KEY_ED25519, NULL);
    const struct recipe recipe = {0};
    const size_t first_line = strlen("-----BEGIN SSH SIGNATURE-----\n");
    PS_BUF_AUTO armored = {.max = SSHSIG_ARMORED_MAX};

    (void)state;
    sshsig_test_sign(&key, &recipe, LITERAL(SSHSIG_TEST_MESSAGE), &armored);
    for (size_t at = 0; at < 3; at++) {
        const struct ps_bytes text = ps_buf_bytes(&armored);

        assert_fails(PS_E_INPUT, verify_with_octet(&key, text, first_line + at, ' '));
        assert_says("not base64 in its one form");
        assert_fails(PS_E_INPUT, verify_with_octet(&key, text, first_line + at, '='));
        assert_fails(PS_E_INPUT, verify_with_octet(&key, text, first_line + at, '\0'));
        assert_fails(PS_E_INPUT, verify_with_octet(&key, text, first_line + at, 'A'));
        assert_fails(PS_E_INPUT, verify_with_octet(&key, text, first_line + at, '\r'));
        assert_says("carriage returns");
    }
    assert_fails(PS_E_INPUT, verify_with_octet(&key, ps_buf_bytes(&armored), first_line, '\n'));
    assert_says("empty or over 76");
    ssh_test_key_clear(&key);
}

static void base64_has_no_unused_bits_set(void **state)
{
    struct ssh_test_key key = ssh_test_key(SSH_KEY_ED25519, NULL);
    const struct recipe recipe = {0};
    const size_t end_len = strlen("\n-----END SSH SIGNATURE-----\n");
    PS_BUF_AUTO armored = {.max = SSHSIG_ARMORED_MAX};
    uint8_t *letter;

    (void)state;
    sshsig_test_sign(&key, &recipe, LITERAL(SSHSIG_TEST_MESSAGE), &armored);
    letter = armored.data + (armored.len - end_len - 1);
    assert_int_equal(*letter, '=');
    while (*letter == '=') {
        letter--;
    }
    (*letter)++; /* multiples of four have a neighbour in ASCII and base64 alike */
    assert_fails(PS_E_INPUT, sshsig_test_verify(ps_buf_bytes(&armored), &key, &no_flags));
    assert_says("not base64 in its one form");
    ssh_test_key_clear(&key);
}

static void an_armored_text_ends_at_its_limit(void **state)
{
    struct ssh_test_key key = ssh_test_key(SSH_KEY_ED25519, NULL);
    uint8_t octets[SSHSIG_ARMORED_MAX + 1];

    (void)state;
    memset(octets, 'A', sizeof octets);
    assert_fails(PS_E_INPUT,
                 sshsig_test_verify(ps_bytes(octets, SSHSIG_ARMORED_MAX), &key, &no_flags));
    assert_says("does not begin");
    assert_fails(PS_E_INPUT,
                 sshsig_test_verify(ps_bytes(octets, SSHSIG_ARMORED_MAX + 1), &key, &no_flags));
    assert_says("longer than");
    assert_fails(PS_E_INPUT, sshsig_test_verify(ps_bytes(NULL, 0), &key, &no_flags));
    ssh_test_key_clear(&key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_stands_around_the_armor),
        cmocka_unit_test(lines_of_base64_are_of_1_to_76_letters),
        cmocka_unit_test(base64_holds_nothing_else),
        cmocka_unit_test(base64_has_no_unused_bits_set),
        cmocka_unit_test(an_armored_text_ends_at_its_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
