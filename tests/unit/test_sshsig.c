#include "tests/unit/ssh_support.h"

#include <openssl/bn.h>

#define NAMESPACE "approve.ceremony.privyseal.v1"
#define MESSAGE   "{\"type\":\"key.make\",\"v\":\"1\"}"

static const struct sshsig_policy no_flags = {.application = "ssh:"};
static const struct sshsig_policy presence = {.application = "ssh:", .presence = true};
static const struct sshsig_policy both = {
    .application = "ssh:", .presence = true, .verification = true};

/* How the numbers of an ECDSA signature are written. */
enum numbers {
    NUMBERS_RIGHT,
    NUMBERS_PADDED,   /* a zero octet more than needed */
    NUMBERS_NEGATIVE, /* no zero octet before a top bit that is set */
    NUMBERS_R_ZERO,
    NUMBERS_S_ZERO,
    NUMBERS_S_ZERO_OCTET,
    NUMBERS_R_ORDER,
    NUMBERS_S_ORDER,
    NUMBERS_LONG, /* an octet longer than the field */
    NUMBERS_R_ALONE,
};

/* A signature and what is wrong with it; all zeros: nothing. What is signed stays right. */
struct recipe {
    const char *preamble;
    uint32_t version;
    const char *namespace; /* signed too */
    const char *reserved;
    const char *hash;
    const char *type;        /* of the innermost signature */
    const char *application; /* signed instead of the key's */
    uint8_t flags;
    uint32_t counter;
    enum numbers numbers;
    const char *after_numbers;
    const char *after_inner;
    const char *after_all;
    size_t signature_len; /* of Ed25519, when not 64 */
};

static const char *or_else(const char *given, const char *usual)
{
    return given == NULL ? usual : given;
}

static void put_signed_data(const struct recipe *recipe, struct ps_bytes message,
                            struct ps_buf *out)
{
    uint8_t digest[PS_HASH_MAX];

    ps_hash_parts(PS_SHA512, &message, 1, digest);
    ps_buf_put_str(out, "SSHSIG");
    ssh_test_put_text(out, or_else(recipe->namespace, NAMESPACE));
    ssh_test_put_text(out, "");
    ssh_test_put_text(out, "sha512");
    ssh_test_put(out, ps_bytes(digest, 64));
}

/* What a hardware key signs: PROTOCOL.u2f of OpenSSH. */
static void put_authenticator_data(const struct ssh_test_key *key, const struct recipe *recipe,
                                   struct ps_bytes data, struct ps_buf *out)
{
    uint8_t digest[PS_SHA256_LEN];

    ps_sha256(ps_bytes_str(or_else(recipe->application, key->application)), digest);
    ps_buf_put(out, ps_bytes(digest, sizeof digest));
    ps_buf_put_u8(out, recipe->flags);
    ps_buf_put_u32(out, recipe->counter);
    ps_sha256(data, digest);
    ps_buf_put(out, ps_bytes(digest, sizeof digest));
}

static void put_mpint(struct ps_bytes number, enum numbers how, struct ps_buf *out)
{
    uint8_t octets[64] = {0};
    size_t zeros = 0;

    assert_true(number.len < sizeof octets);
    while (zeros < number.len && number.data[zeros] == 0) {
        zeros++;
    }
    number = ps_bytes_from(number, zeros);
    memcpy(octets + 2, number.data, number.len);
    if (how == NUMBERS_NEGATIVE || ((octets[2] & 0x80) == 0 && how == NUMBERS_RIGHT)) {
        ssh_test_put(out, number);
    } else if (how == NUMBERS_PADDED && (octets[2] & 0x80) != 0) {
        ssh_test_put(out, ps_bytes(octets, number.len + 2));
    } else {
        ssh_test_put(out, ps_bytes(octets + 1, number.len + 1));
    }
}

static void put_order(enum ps_key_type type, struct ps_buf *out)
{
    EVP_PKEY *pkey = signing_make_key(type);
    BIGNUM *order = NULL;
    uint8_t octets[64];

    assert_int_equal(EVP_PKEY_get_bn_param(pkey, "order", &order), 1);
    put_mpint(ps_bytes(octets, (size_t)BN_bn2bin(order, octets)), NUMBERS_RIGHT, out);
    BN_free(order);
    EVP_PKEY_free(pkey);
}

static void put_number(struct ps_bytes number, const struct recipe *recipe, bool is_s,
                       enum ps_key_type type, struct ps_buf *out)
{
    const enum numbers how = recipe->numbers;

    if (how == (is_s ? NUMBERS_S_ZERO : NUMBERS_R_ZERO)) {
        ssh_test_put_text(out, "");
    } else if (is_s && how == NUMBERS_S_ZERO_OCTET) {
        ssh_test_put(out, LITERAL("\0"));
    } else if (how == (is_s ? NUMBERS_S_ORDER : NUMBERS_R_ORDER)) {
        put_order(type, out);
    } else if (is_s && how == NUMBERS_LONG) {
        uint8_t octets[64] = {1};

        ssh_test_put(out, ps_bytes(octets, number.len + 1));
    } else if (!is_s && (how == NUMBERS_PADDED || how == NUMBERS_NEGATIVE)) {
        put_mpint(number, how, out);
    } else if (!is_s || how != NUMBERS_R_ALONE) {
        put_mpint(number, NUMBERS_RIGHT, out);
    }
}

/* Signs again until the first number has its top bit set, where the recipe wants that. */
static void sign_raw(const struct ssh_test_key *key, const struct recipe *recipe,
                     struct ps_bytes data, struct ps_buf *out)
{
    do {
        ps_buf_clear(out);
        signing_sign(key->pkey, ssh_test_types[key->type].alg, data, out);
    } while (recipe->numbers == NUMBERS_NEGATIVE && (out->data[0] & 0x80) == 0);
}

static void put_inner(const struct ssh_test_key *key, const struct recipe *recipe,
                      struct ps_bytes data, struct ps_buf *out)
{
    PS_BUF_AUTO raw = {.max = PS_SIGNATURE_MAX};
    PS_BUF_AUTO numbers = {.max = 512};
    const enum ps_key_type type = ssh_test_types[key->type].key;

    sign_raw(key, recipe, data, &raw);
    if (ssh_test_types[key->type].curve != NULL) {
        put_number(ps_bytes(raw.data, raw.len / 2), recipe, false, type, &numbers);
        put_number(ps_bytes_from(ps_buf_bytes(&raw), raw.len / 2), recipe, true, type, &numbers);
    } else {
        ps_buf_put(&numbers, ps_bytes(raw.data, recipe->signature_len == 0 ? 64 : 63));
    }
    ps_buf_put_str(&numbers, or_else(recipe->after_numbers, ""));
    ssh_test_put_text(out, or_else(recipe->type, ssh_test_types[key->type].name));
    ssh_test_put(out, ps_buf_bytes(&numbers));
    if (ssh_test_types[key->type].sk) {
        ps_buf_put_u8(out, recipe->flags);
        ps_buf_put_u32(out, recipe->counter);
    }
    ps_buf_put_str(out, or_else(recipe->after_inner, ""));
    assert_ok(ps_buf_status(&numbers));
}

static void put_envelope(const struct ssh_test_key *key, const struct recipe *recipe,
                         struct ps_bytes message, struct ps_buf *out)
{
    PS_BUF_AUTO data = {.max = 1024};
    PS_BUF_AUTO sk_data = {.max = 1024};
    PS_BUF_AUTO inner = {.max = 1024};

    put_signed_data(recipe, message, &data);
    if (ssh_test_types[key->type].sk) {
        put_authenticator_data(key, recipe, ps_buf_bytes(&data), &sk_data);
    }
    put_inner(key, recipe, ps_buf_bytes(sk_data.len != 0 ? &sk_data : &data), &inner);
    ps_buf_put_str(out, or_else(recipe->preamble, "SSHSIG"));
    ps_buf_put_u32(out, recipe->version == 0 ? 1 : recipe->version);
    ssh_test_put(out, ps_buf_bytes(&key->blob));
    ssh_test_put_text(out, or_else(recipe->namespace, NAMESPACE));
    ssh_test_put_text(out, or_else(recipe->reserved, ""));
    ssh_test_put_text(out, or_else(recipe->hash, "sha512"));
    ssh_test_put(out, ps_buf_bytes(&inner));
    ps_buf_put_str(out, or_else(recipe->after_all, ""));
    assert_ok(ps_buf_status(out));
}

static void put_armored(struct ps_bytes blob, size_t width, struct ps_buf *out)
{
    PS_BUF_AUTO text = {.max = 8192};

    ps_buf_put_base64(&text, blob);
    ps_buf_put_str(out, "-----BEGIN SSH SIGNATURE-----\n");
    for (size_t at = 0; at < text.len; at += width) {
        ps_buf_put(out, ps_bytes(text.data + at, text.len - at < width ? text.len - at : width));
        ps_buf_put_u8(out, '\n');
    }
    ps_buf_put_str(out, "-----END SSH SIGNATURE-----\n");
    assert_ok(ps_buf_status(out));
}

static void sign_over(const struct ssh_test_key *key, const struct recipe *recipe,
                      struct ps_bytes message, struct ps_buf *out)
{
    PS_BUF_AUTO blob = {.max = 2048};

    put_envelope(key, recipe, message, &blob);
    put_armored(ps_buf_bytes(&blob), 70, out);
}

static enum ps_err verify(struct ps_bytes armored, const struct ssh_test_key *key,
                          const struct sshsig_policy *policy)
{
    struct sshsig_seen seen = {.counter = 77};
    const enum ps_err err =
        sshsig_verify(armored, key->key, NAMESPACE, LITERAL(MESSAGE), policy, &seen);

    assert_true(err == PS_OK || seen.counter == 77);
    return err;
}

static enum ps_err peek(struct ps_bytes armored)
{
    SSHSIG_CLAIM_AUTO claim = {0};

    return sshsig_peek(armored, &claim);
}

static enum ps_err sign_and_verify(const struct ssh_test_key *key, const struct recipe *recipe,
                                   const struct sshsig_policy *policy)
{
    PS_BUF_AUTO armored = {.max = SSHSIG_ARMORED_MAX};

    sign_over(key, recipe, LITERAL(MESSAGE), &armored);
    return verify(ps_buf_bytes(&armored), key, policy);
}

/* Verifying and peeking both say that it is malformed, with the same words. */
static void check_malformed(enum ssh_key_type type, const struct recipe *recipe, const char *words,
                            int line)
{
    struct ssh_test_key key = ssh_test_key(type, "ssh:");
    PS_BUF_AUTO armored = {.max = SSHSIG_ARMORED_MAX};

    sign_over(&key, recipe, LITERAL(MESSAGE), &armored);
    check_err(PS_E_INPUT, verify(ps_buf_bytes(&armored), &key, &no_flags), "verify", __FILE__,
              line);
    check_says(words, __FILE__, line);
    check_err(PS_E_INPUT, peek(ps_buf_bytes(&armored)), "peek", __FILE__, line);
    check_says(words, __FILE__, line);
    ssh_test_key_clear(&key);
}

#define assert_malformed(type, words, ...)                                                         \
    check_malformed((type), &(const struct recipe){__VA_ARGS__}, (words), __LINE__)

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
        assert_ok(sshsig_verify(ps_buf_bytes(&armored), key, NAMESPACE, ps_buf_bytes(&message),
                                &both, &seen));
        assert_true(!seen.sk && seen.flags == 0 && seen.counter == 0);
        assert_ok(sshsig_peek(ps_buf_bytes(&armored), &claim));
        assert_true(ssh_key_equal(claim.key, key));
        assert_string_equal(claim.namespace, NAMESPACE);
        message.data[3] ^= 1;
        assert_fails(PS_E_DENIED, sshsig_verify(ps_buf_bytes(&armored), key, NAMESPACE,
                                                ps_buf_bytes(&message), &both, &seen));
        assert_says("other octets were signed");
    }
}

/* PROTOCOL.sshsig section 1 shows one from before there was a hash's name; ssh-keygen refuses it.
 */
static void the_published_example_without_a_hash_is_an_input_error(void **state)
{
    (void)state;
    assert_fails(
        PS_E_INPUT,
        peek(LITERAL("-----BEGIN SSH SIGNATURE-----\n"
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
        assert_fails(PS_E_INPUT, peek(ps_buf_bytes(&armored)));
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

        put_envelope(&key, &recipe, LITERAL(MESSAGE), &blob);
        put_armored(ps_buf_bytes(&blob), 70, &armored);
        assert_ok(verify(ps_buf_bytes(&armored), &key, &both));
        for (size_t at = 0; at < blob.len; at++) {
            blob.data[at] ^= 0x40;
            ps_buf_reset(&armored);
            put_armored(ps_buf_bytes(&blob), 70, &armored);
            assert_true(verify(ps_buf_bytes(&armored), &key, &both) != PS_OK);
            blob.data[at] ^= 0x40;
        }
        for (size_t len = 0; len < blob.len; len++) {
            ps_buf_reset(&armored);
            put_armored(ps_bytes(blob.data, len), 70, &armored);
            assert_fails(PS_E_INPUT, verify(ps_buf_bytes(&armored), &key, &both));
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
        assert_ok(sign_and_verify(&key, &recipe, &no_flags));
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
    sign_over(&key, &good, LITERAL(MESSAGE), &armored);
    assert_fails(PS_E_DENIED, verify(ps_buf_bytes(&armored), &other, &no_flags));
    assert_says("by another key");
    assert_fails(PS_E_DENIED, sign_and_verify(&key, &another, &no_flags));
    assert_says("sign with -n " NAMESPACE);
    assert_fails(PS_E_DENIED, sign_and_verify(&key, &prefix, &no_flags));
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
    sign_over(&as_plain, &recipe, LITERAL(MESSAGE), &armored);
    assert_fails(PS_E_DENIED, verify(ps_buf_bytes(&armored), &key, &presence));
    assert_says("by another key");
    as_other.application = "ssh:other";
    as_other.blob = (struct ps_buf){.max = SSH_KEY_BLOB_MAX};
    ssh_test_put_blob(&as_other, &as_other.blob);
    ps_buf_reset(&armored);
    sign_over(&as_other, &recipe, LITERAL(MESSAGE), &armored);
    assert_fails(PS_E_DENIED, verify(ps_buf_bytes(&armored), &key, &presence));
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
    sign_over(&key, &recipe, LITERAL(MESSAGE "\n"), &armored);
    assert_fails(PS_E_DENIED, verify(ps_buf_bytes(&armored), &key, &presence));
    assert_says("an editor has added a newline at the end of the file");
    ps_buf_reset(&armored);
    sign_over(&key, &recipe, LITERAL(MESSAGE), &armored);
    assert_fails(PS_E_DENIED, sshsig_verify(ps_buf_bytes(&armored), key.key, NAMESPACE,
                                            LITERAL(MESSAGE "\n"), &presence, &seen));
    assert_says("the newline at the end of the file was lost");
    assert_fails(PS_E_DENIED, sshsig_verify(ps_buf_bytes(&armored), key.key, NAMESPACE,
                                            LITERAL(MESSAGE "x"), &presence, &seen));
    assert_says("other octets were signed");
    assert_fails(PS_E_DENIED, sshsig_verify(ps_buf_bytes(&armored), key.key, NAMESPACE, LITERAL(""),
                                            &presence, &seen));
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
    sign_over(&key, &recipe, LITERAL(""), &armored);
    assert_ok(sshsig_verify(ps_buf_bytes(&armored), key.key, NAMESPACE, ps_bytes(NULL, 0),
                            &no_flags, &seen));
    ssh_test_key_clear(&key);
}

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

        assert_ok(sign_and_verify(&key, &none, &no_flags));
        assert_ok(sign_and_verify(&key, &touched, &presence));
        assert_ok(sign_and_verify(&key, &pin, &only_verification));
        assert_ok(sign_and_verify(&key, &all, &both));
        assert_fails(PS_E_DENIED, sign_and_verify(&key, &none, &presence));
        assert_says("nobody touched the hardware key");
        assert_fails(PS_E_DENIED, sign_and_verify(&key, &pin, &presence));
        assert_fails(PS_E_DENIED, sign_and_verify(&key, &pin, &both));
        assert_says("nobody touched the hardware key");
        assert_fails(PS_E_DENIED, sign_and_verify(&key, &touched, &both));
        assert_says("did not ask for a PIN");
        assert_fails(PS_E_DENIED, sign_and_verify(&key, &touched, &only_verification));
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

        put_envelope(&key, &touched, LITERAL(MESSAGE), &blob);
        blob.data[blob.len - 5] |= SSHSIG_FLAG_VERIFICATION;
        put_armored(ps_buf_bytes(&blob), 70, &armored);
        assert_fails(PS_E_DENIED, verify(ps_buf_bytes(&armored), &key, &both));
        assert_says("does not verify");
        blob.data[blob.len - 5] = SSHSIG_FLAG_PRESENCE;
        blob.data[blob.len - 1]++;
        ps_buf_reset(&armored);
        put_armored(ps_buf_bytes(&blob), 70, &armored);
        assert_fails(PS_E_DENIED, verify(ps_buf_bytes(&armored), &key, &presence));
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

        sign_over(&key, &recipe, LITERAL(MESSAGE), &armored);
        assert_ok(sshsig_verify(ps_buf_bytes(&armored), key.key, NAMESPACE, LITERAL(MESSAGE), &both,
                                &seen));
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

        assert_ok(sign_and_verify(&other, &good, &wants_other));
        assert_fails(PS_E_DENIED, sign_and_verify(&other, &good, &no_flags));
        assert_says("another application");
        assert_fails(PS_E_DENIED, sign_and_verify(&key, &good, &wants_other));
        assert_fails(PS_E_DENIED, sign_and_verify(&key, &swapped, &no_flags));
        assert_says("does not verify");
        ssh_test_key_clear(&key);
        ssh_test_key_clear(&other);
    }
}

/* A signature that verifies, in a text that is changed: its end, its lines, what is around it. */
static void check_text(const struct ssh_test_key *key, struct ps_bytes text, bool good,
                       const char *words, int line)
{
    check_err(good ? PS_OK : PS_E_INPUT, verify(text, key, &no_flags), "verify", __FILE__, line);
    if (!good) {
        check_says(words, __FILE__, line);
        check_err(PS_E_INPUT, peek(text), "peek", __FILE__, line);
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
    sign_over(&key, &recipe, LITERAL(MESSAGE), &armored);
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        PS_BUF_AUTO text = {.max = SSHSIG_ARMORED_MAX};

        ps_buf_put_str(&text, rows[i].before);
        ps_buf_put(&text, ps_bytes(armored.data, armored.len - rows[i].cut));
        ps_buf_put_str(&text, rows[i].after);
        check_text(&key, ps_buf_bytes(&text), rows[i].words == NULL, rows[i].words, __LINE__);
    }
    for (size_t len = 0; len < armored.len - 1; len++) {
        assert_fails(PS_E_INPUT, verify(ps_bytes(armored.data, len), &key, &no_flags));
    }
    ssh_test_key_clear(&key);
}

static void lines_of_base64_are_of_1_to_76_letters(void **state)
{
    struct ssh_test_key key = ssh_test_key(SSH_KEY_ED25519, NULL);
    const struct recipe recipe = {0};
    PS_BUF_AUTO blob = {.max = 2048};

    (void)state;
    put_envelope(&key, &recipe, LITERAL(MESSAGE), &blob);
    for (size_t width = 1; width <= 80; width++) {
        PS_BUF_AUTO armored = {.max = SSHSIG_ARMORED_MAX};

        put_armored(ps_buf_bytes(&blob), width, &armored);
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
    return verify(ps_buf_bytes(&text), key, &no_flags);
}

static void base64_holds_nothing_else(void **state)
{
    struct ssh_test_key key = ssh_test_key(SSH_KEY_ED25519, NULL);
    const struct recipe recipe = {0};
    const size_t first_line = strlen("-----BEGIN SSH SIGNATURE-----\n");
    PS_BUF_AUTO armored = {.max = SSHSIG_ARMORED_MAX};

    (void)state;
    sign_over(&key, &recipe, LITERAL(MESSAGE), &armored);
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
    sign_over(&key, &recipe, LITERAL(MESSAGE), &armored);
    letter = armored.data + (armored.len - end_len - 1);
    assert_int_equal(*letter, '=');
    while (*letter == '=') {
        letter--;
    }
    (*letter)++; /* multiples of four have a neighbour in ASCII and base64 alike */
    assert_fails(PS_E_INPUT, verify(ps_buf_bytes(&armored), &key, &no_flags));
    assert_says("not base64 in its one form");
    ssh_test_key_clear(&key);
}

static void an_armored_text_ends_at_its_limit(void **state)
{
    struct ssh_test_key key = ssh_test_key(SSH_KEY_ED25519, NULL);
    uint8_t octets[SSHSIG_ARMORED_MAX + 1];

    (void)state;
    memset(octets, 'A', sizeof octets);
    assert_fails(PS_E_INPUT, verify(ps_bytes(octets, SSHSIG_ARMORED_MAX), &key, &no_flags));
    assert_says("does not begin");
    assert_fails(PS_E_INPUT, verify(ps_bytes(octets, SSHSIG_ARMORED_MAX + 1), &key, &no_flags));
    assert_says("longer than");
    assert_fails(PS_E_INPUT, verify(ps_bytes(NULL, 0), &key, &no_flags));
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
    sign_over(&key, &recipe, LITERAL(MESSAGE), &armored);
    assert_ok(sshsig_verify(ps_buf_bytes(&armored), key.key, longest, LITERAL(MESSAGE), &no_flags,
                            &seen));
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
        cmocka_unit_test(flags_are_asked_for_as_the_policy_says),
        cmocka_unit_test(flags_and_counter_cannot_be_changed_afterwards),
        cmocka_unit_test(flags_and_counter_are_told),
        cmocka_unit_test(flags_that_announce_more_data_are_input_errors),
        cmocka_unit_test(the_application_is_the_policys_and_is_signed),
        cmocka_unit_test(nothing_stands_around_the_armor),
        cmocka_unit_test(lines_of_base64_are_of_1_to_76_letters),
        cmocka_unit_test(base64_holds_nothing_else),
        cmocka_unit_test(base64_has_no_unused_bits_set),
        cmocka_unit_test(an_armored_text_ends_at_its_limit),
        cmocka_unit_test(namespaces_end_at_their_limit),
        cmocka_unit_test(a_refused_claim_leaves_the_result_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
