#include "tests/unit/ssh_support.h"

static enum ps_err parse_line(struct ps_bytes line)
{
    PS_CLEANUP(ssh_key_free_cleanup) struct ssh_key *key = NULL;

    return ssh_key_parse_line(line, &key);
}

static enum ps_err parse_text(const char *line)
{
    return parse_line(ps_bytes_str(line));
}

static enum ps_err parse_blob(struct ps_bytes blob)
{
    PS_CLEANUP(ssh_key_free_cleanup) struct ssh_key *key = NULL;

    return ssh_key_parse_blob(blob, &key);
}

static void keys_of_ssh_keygen_are_read_and_written_again(void **state)
{
    static const struct {
        const char *file;
        enum ssh_key_type type;
        const char *fingerprint;
    } rows[] = {
        {"ssh/ed25519.pub", SSH_KEY_ED25519, "SHA256:LJVc4/rJ5FxaT5uYmxjrB1KtzR2nAVquHJhjAkkmFqw"},
        {"ssh/ecdsa-p256.pub", SSH_KEY_ECDSA_P256,
         "SHA256:ogtb/qSg5RVTa2/zL0ASsDld/X/lbWD4Xtw0s0+zKqk"},
        {"ssh/ecdsa-p384.pub", SSH_KEY_ECDSA_P384,
         "SHA256:XJ77+VwbHqEmJ6Je4th2M9cmg7vRnCOiHv7ksYwALaI"},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        PS_CLEANUP(ssh_key_free_cleanup) struct ssh_key *key = NULL;
        PS_BUF_AUTO file;
        PS_BUF_AUTO out = {.max = SSH_KEY_LINE_MAX};

        read_vectors(rows[i].file, &file);
        assert_ok(ssh_key_parse_line(ps_buf_bytes(&file), &key));
        assert_int_equal(ssh_key_type(key), rows[i].type);
        assert_string_equal(ssh_key_fingerprint(key), rows[i].fingerprint);
        assert_int_equal(strlen(rows[i].fingerprint), SSH_KEY_FINGERPRINT_LEN);
        assert_false(ssh_key_is_sk(key));
        assert_int_equal(ssh_key_application(key).len, 0);
        ssh_key_put_line(key, &out);
        ps_buf_put_str(&out, " \n"); /* the empty comment of these files */
        assert_bytes(ps_buf_bytes(&out), ps_buf_bytes(&file));
    }
}

static void every_type_comes_back_from_its_line_and_blob(void **state)
{
    (void)state;
    for (unsigned i = SSH_KEY_NONE + 1; i < SSH_KEY_COUNT; i++) {
        struct ssh_test_key made = ssh_test_key((enum ssh_key_type)i, "ssh:");
        struct ssh_test_key another = ssh_test_key((enum ssh_key_type)i, "ssh:");
        PS_CLEANUP(ssh_key_free_cleanup) struct ssh_key *again = NULL;
        PS_BUF_AUTO line = {.max = SSH_KEY_LINE_MAX};

        ssh_key_put_line(made.key, &line);
        assert_ok(ssh_key_parse_line(ps_buf_bytes(&line), &again));
        assert_int_equal(ssh_key_type(again), i);
        assert_string_equal(ssh_key_type_name((enum ssh_key_type)i), ssh_test_types[i].name);
        assert_bytes(ssh_key_blob(again), ps_buf_bytes(&made.blob));
        assert_int_equal(ssh_key_is_sk(again), ssh_test_types[i].sk);
        assert_text(ssh_key_application(again), ssh_test_types[i].sk ? "ssh:" : "");
        assert_true(ssh_key_equal(made.key, again));
        assert_false(ssh_key_equal(another.key, again));
        ssh_test_key_clear(&made);
        ssh_test_key_clear(&another);
    }
    assert_null(ssh_key_type_name(SSH_KEY_NONE));
    assert_null(ssh_key_type_name(SSH_KEY_COUNT));
}

static void another_application_is_another_key(void **state)
{
    struct ssh_test_key made = ssh_test_key(SSH_KEY_SK_ED25519, "ssh:");
    struct ssh_test_key other = made;
    PS_CLEANUP(ssh_key_free_cleanup) struct ssh_key *key = NULL;
    PS_BUF_AUTO blob = {.max = SSH_KEY_BLOB_MAX};

    (void)state;
    other.application = "ssh:other";
    ssh_test_put_blob(&other, &blob);
    assert_ok(ssh_key_parse_blob(ps_buf_bytes(&blob), &key));
    assert_false(ssh_key_equal(key, made.key));
    ssh_test_key_clear(&made);
}

/* All of these are real keys of ssh-keygen. */
static void other_kinds_of_keys_are_refused_with_advice(void **state)
{
    static const struct {
        const char *file;
        const char *words;
    } rows[] = {
        {"ssh/rsa.pub", "RSA keys are not accepted; make an ed25519 key: ssh-keygen -t ed25519"},
        {"ssh/rsa-8192.pub", "RSA keys are not accepted"},
        {"ssh/dsa.pub", "DSA keys are not accepted; make an ed25519 key"},
        {"ssh/ecdsa-p521.pub", "P-521 are not accepted; make an ed25519 key"},
        {"ssh/ecdsa-p256-cert.pub", "certificates are not accepted; give the key itself"},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        PS_BUF_AUTO file;
        PS_BUF_AUTO blob = {.max = 4096};
        struct ps_bytes base64;

        read_vectors(rows[i].file, &file);
        assert_fails(PS_E_INPUT, parse_line(ps_buf_bytes(&file)));
        assert_says(rows[i].words);
        base64 = ps_buf_bytes(&file);
        base64 = ps_bytes_from(base64, strcspn((const char *)base64.data, " ") + 1);
        base64.len = strcspn((const char *)base64.data, " \n");
        assert_ok(ps_base64_decode(base64, &blob));
        assert_fails(PS_E_INPUT, parse_blob(ps_buf_bytes(&blob)));
        assert_says(rows[i].words);
    }
    assert_fails(PS_E_INPUT, parse_text("ssh-ed448 AAAA"));
    assert_says("no kind of SSH key that is accepted");
    assert_fails(PS_E_INPUT, parse_text("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n"));
    assert_says("this is a private key");
    assert_fails(PS_E_INPUT, parse_text("-----BEGIN PUBLIC KEY-----\nMCow\n"));
    assert_says("no kind of SSH key that is accepted");
}

/* A good line between `before` and `after`. */
static enum ps_err parse_with(const char *before, const char *after)
{
    struct ssh_test_key made = ssh_test_key(SSH_KEY_ED25519, NULL);
    PS_BUF_AUTO line = {.max = 4096};
    enum ps_err err;

    ps_buf_put_str(&line, before);
    ssh_key_put_line(made.key, &line);
    ps_buf_put_str(&line, after);
    err = parse_line(ps_buf_bytes(&line));
    ssh_test_key_clear(&made);
    return err;
}

static void a_comment_and_one_newline_may_follow(void **state)
{
    static const char *const good[] = {
        "", "\n", " ", " \n", " me@host", " a comment of words\n", " \xe0\xa4\x97\n",
    };
    static const char *const lines[] = {"\n\n", " a\nb", "\r\n", " a\r\n", " a\tb", " \x7f", "\t"};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(good); i++) {
        assert_ok(parse_with("", good[i]));
    }
    for (size_t i = 0; i < PS_COUNT_OF(lines); i++) {
        assert_fails(PS_E_INPUT, parse_with("", lines[i]));
        assert_says("not one line");
    }
    assert_fails(PS_E_INPUT, parse_with("", " \xff"));
    assert_says("not UTF-8");
}

static void nothing_stands_before_the_type(void **state)
{
    static const char *const before[] = {
        "restrict ",          "cert-authority ", "from=\"10.0.0.1\",no-pty ",
        "command=\"a b c\" ", "me@host ",        "me@host namespaces=\"a\" ",
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(before); i++) {
        assert_fails(PS_E_INPUT, parse_with(before[i], "\n"));
        assert_says("stand before the key");
    }
    assert_fails(PS_E_INPUT, parse_with(" ", ""));
    assert_fails(PS_E_INPUT, parse_with("\n", ""));
    assert_fails(PS_E_INPUT, parse_with("#", ""));
    assert_fails(PS_E_INPUT, parse_text(""));
    assert_fails(PS_E_INPUT, parse_text("\n"));
}

static void lines_end_at_their_limit(void **state)
{
    struct ssh_test_key made = ssh_test_key(SSH_KEY_ED25519, NULL);
    PS_BUF_AUTO line = {.max = 4096};

    (void)state;
    ssh_key_put_line(made.key, &line);
    ps_buf_put_u8(&line, ' ');
    while (line.len < SSH_KEY_LINE_MAX) {
        ps_buf_put_u8(&line, 'c');
    }
    assert_ok(parse_line(ps_buf_bytes(&line)));
    ps_buf_put_u8(&line, 'c');
    assert_fails(PS_E_INPUT, parse_line(ps_buf_bytes(&line)));
    assert_says("longer than");
    ssh_test_key_clear(&made);
}

static void base64_has_one_form(void **state)
{
    struct ssh_test_key made = ssh_test_key(SSH_KEY_ECDSA_P256, NULL);
    PS_BUF_AUTO line = {.max = SSH_KEY_LINE_MAX};
    uint8_t *last;

    (void)state;
    /* 104 octets end in "x=", where x has two unused bits. */
    ssh_key_put_line(made.key, &line);
    assert_int_equal(made.blob.len, 104);
    last = line.data + (line.len - 2);
    assert_int_equal(last[1], '=');
    assert_ok(parse_line(ps_buf_bytes(&line)));
    (*last)++; /* values that are multiples of four have a neighbour in ASCII and base64 alike */
    assert_fails(PS_E_INPUT, parse_line(ps_buf_bytes(&line)));
    (*last)--;
    assert_fails(PS_E_INPUT, parse_line(ps_bytes(line.data, line.len - 1)));
    assert_says("not base64 in its one form");
    assert_fails(PS_E_INPUT, parse_text("ssh-ed25519"));
    assert_says("not base64");
    assert_fails(PS_E_INPUT, parse_text("ssh-ed25519  AAAA"));
    assert_says("not base64");
    assert_fails(PS_E_INPUT, parse_text("ssh-ed25519 AA-_"));
    assert_says("not base64");
    ssh_test_key_clear(&made);
}

static void the_type_before_is_the_one_inside(void **state)
{
    struct ssh_test_key made = ssh_test_key(SSH_KEY_ED25519, NULL);
    PS_BUF_AUTO line = {.max = SSH_KEY_LINE_MAX};

    (void)state;
    ssh_test_put_line("ecdsa-sha2-nistp256", ps_buf_bytes(&made.blob), &line);
    assert_fails(PS_E_INPUT, parse_line(ps_buf_bytes(&line)));
    assert_says("not the one inside");
    ssh_test_key_clear(&made);
}

static void every_cut_and_every_octet_too_many_is_refused(void **state)
{
    (void)state;
    for (unsigned i = SSH_KEY_NONE + 1; i < SSH_KEY_COUNT; i++) {
        struct ssh_test_key made = ssh_test_key((enum ssh_key_type)i, "ssh:");

        for (size_t len = 0; len < made.blob.len; len++) {
            assert_fails(PS_E_INPUT, parse_blob(ps_bytes(made.blob.data, len)));
        }
        assert_says("cut short");
        ps_buf_put_u8(&made.blob, 0);
        assert_fails(PS_E_INPUT, parse_blob(ps_buf_bytes(&made.blob)));
        assert_says("octets left over");
        ssh_test_key_clear(&made);
    }
}

/* type, curve unless NULL, point, application unless NULL */
static enum ps_err parse_parts(enum ssh_key_type type, const char *curve, struct ps_bytes point,
                               const char *application)
{
    PS_BUF_AUTO blob = {.max = 1024};

    ssh_test_put_text(&blob, ssh_test_types[type].name);
    if (curve != NULL) {
        ssh_test_put_text(&blob, curve);
    }
    ssh_test_put(&blob, point);
    if (application != NULL) {
        ssh_test_put_text(&blob, application);
    }
    assert_ok(ps_buf_status(&blob));
    return parse_blob(ps_buf_bytes(&blob));
}

static void the_curve_belongs_to_the_type(void **state)
{
    struct ssh_test_key p256 = ssh_test_key(SSH_KEY_ECDSA_P256, NULL);
    struct ssh_test_key p384 = ssh_test_key(SSH_KEY_ECDSA_P384, NULL);
    const struct ps_bytes point = ps_buf_bytes(&p256.point);
    const struct ps_bytes wider = ps_buf_bytes(&p384.point);

    (void)state;
    assert_ok(parse_parts(SSH_KEY_ECDSA_P256, "nistp256", point, NULL));
    assert_fails(PS_E_INPUT, parse_parts(SSH_KEY_ECDSA_P256, "nistp384", point, NULL));
    assert_says("the curve inside");
    assert_fails(PS_E_INPUT, parse_parts(SSH_KEY_ECDSA_P256, "", point, NULL));
    assert_fails(PS_E_INPUT, parse_parts(SSH_KEY_ECDSA_P384, "nistp256", wider, NULL));
    assert_fails(PS_E_INPUT, parse_parts(SSH_KEY_SK_ECDSA_P256, "nistp384", point, "ssh:"));
    assert_fails(PS_E_INPUT, parse_parts(SSH_KEY_ECDSA_P256, "nistp256", wider, NULL));
    assert_says("not of its type's form");
    ssh_test_key_clear(&p256);
    ssh_test_key_clear(&p384);
}

static void ec_points_are_whole_and_on_the_curve(void **state)
{
    static const enum ssh_key_type ec[] = {SSH_KEY_ECDSA_P256, SSH_KEY_ECDSA_P384,
                                           SSH_KEY_SK_ECDSA_P256};

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(ec); i++) {
        struct ssh_test_key made = ssh_test_key(ec[i], "ssh:");
        const char *curve = ssh_test_types[ec[i]].curve;
        const char *application = ssh_test_types[ec[i]].sk ? "ssh:" : NULL;
        struct ps_bytes point = ps_buf_bytes(&made.point);
        const uint8_t parity = made.point.data[point.len - 1] & 1;

        made.point.data[point.len - 1] ^= 2;
        assert_fails(PS_E_INPUT, parse_parts(ec[i], curve, point, application));
        assert_says("not on its curve");
        made.point.data[point.len - 1] ^= 2;
        made.point.data[0] = (uint8_t)(6 + parity); /* X9.62's hybrid form */
        assert_fails(PS_E_INPUT, parse_parts(ec[i], curve, point, application));
        assert_says("not of its type's form");
        made.point.data[0] = (uint8_t)(2 + parity);
        point.len = 1 + (point.len - 1) / 2;
        assert_fails(PS_E_INPUT, parse_parts(ec[i], curve, point, application));
        assert_says("is compressed");
        assert_fails(PS_E_INPUT, parse_parts(ec[i], curve, LITERAL("\0"), application));
        assert_fails(PS_E_INPUT, parse_parts(ec[i], curve, LITERAL(""), application));
        assert_says("not of its type's form");
        ssh_test_key_clear(&made);
    }
}

static void ed25519_points_are_in_the_group_of_prime_order(void **state)
{
    /* Orders 1, 2, 4 and 8, and one that has no point. RFC 8032 section 5.1.3. */
    static const uint8_t points[][32] = {
        {1},
        {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
        {0},
        {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
         0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
         0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
        {2},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(points); i++) {
        const struct ps_bytes point = ps_bytes(points[i], 32);

        assert_fails(PS_E_INPUT, parse_parts(SSH_KEY_ED25519, NULL, point, NULL));
        assert_says("of small order");
        assert_fails(PS_E_INPUT, parse_parts(SSH_KEY_SK_ED25519, NULL, point, "ssh:"));
        assert_says("of small order");
    }
    assert_fails(PS_E_INPUT, parse_parts(SSH_KEY_ED25519, NULL, ps_bytes(points[4], 31), NULL));
    assert_says("not of its type's form");
}

static void applications_are_short_and_printable(void **state)
{
    struct ssh_test_key made = ssh_test_key(SSH_KEY_SK_ED25519, "ssh:");
    const struct ps_bytes point = ps_buf_bytes(&made.point);
    char longest[SSH_KEY_APPLICATION_MAX + 2];

    (void)state;
    memset(longest, 'a', sizeof longest - 1);
    longest[SSH_KEY_APPLICATION_MAX] = '\0';
    assert_ok(parse_parts(SSH_KEY_SK_ED25519, NULL, point, longest));
    longest[SSH_KEY_APPLICATION_MAX] = 'a';
    longest[SSH_KEY_APPLICATION_MAX + 1] = '\0';
    assert_fails(PS_E_INPUT, parse_parts(SSH_KEY_SK_ED25519, NULL, point, longest));
    assert_says("application");
    assert_fails(PS_E_INPUT, parse_parts(SSH_KEY_SK_ED25519, NULL, point, ""));
    assert_fails(PS_E_INPUT, parse_parts(SSH_KEY_SK_ED25519, NULL, point, "ssh: "));
    assert_fails(PS_E_INPUT, parse_parts(SSH_KEY_SK_ED25519, NULL, point, "ssh:\x7f"));
    assert_fails(PS_E_INPUT, parse_parts(SSH_KEY_SK_ED25519, NULL, point, "ssh:\n"));
    assert_says("application");
    ssh_test_key_clear(&made);
}

static void a_blob_ends_at_its_limit(void **state)
{
    uint8_t octets[SSH_KEY_BLOB_MAX + 1] = {0, 0, 0, 11};

    (void)state;
    memcpy(octets + 4, "ssh-ed25519", 11);
    assert_fails(PS_E_INPUT, parse_blob(ps_bytes(octets, SSH_KEY_BLOB_MAX)));
    assert_says("octets left over");
    assert_fails(PS_E_INPUT, parse_blob(ps_bytes(octets, SSH_KEY_BLOB_MAX + 1)));
    assert_says("longer than");
}

static void what_is_refused_leaves_the_result_alone(void **state)
{
    struct ssh_test_key made = ssh_test_key(SSH_KEY_ED25519, NULL);
    struct ssh_key *key = made.key;

    (void)state;
    assert_fails(PS_E_INPUT, ssh_key_parse_line(LITERAL("ssh-rsa AAAA"), &key));
    assert_fails(PS_E_INPUT, ssh_key_parse_blob(LITERAL(""), &key));
    assert_ptr_equal(key, made.key);
    ssh_key_free(NULL);
    ssh_test_key_clear(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_of_ssh_keygen_are_read_and_written_again),
        cmocka_unit_test(every_type_comes_back_from_its_line_and_blob),
        cmocka_unit_test(another_application_is_another_key),
        cmocka_unit_test(other_kinds_of_keys_are_refused_with_advice),
        cmocka_unit_test(a_comment_and_one_newline_may_follow),
        cmocka_unit_test(nothing_stands_before_the_type),
        cmocka_unit_test(lines_end_at_their_limit),
        cmocka_unit_test(base64_has_one_form),
        cmocka_unit_test(the_type_before_is_the_one_inside),
        cmocka_unit_test(every_cut_and_every_octet_too_many_is_refused),
        cmocka_unit_test(the_curve_belongs_to_the_type),
        cmocka_unit_test(ec_points_are_whole_and_on_the_curve),
        cmocka_unit_test(ed25519_points_are_in_the_group_of_prime_order),
        cmocka_unit_test(applications_are_short_and_printable),
        cmocka_unit_test(a_blob_ends_at_its_limit),
        cmocka_unit_test(what_is_refused_leaves_the_result_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
