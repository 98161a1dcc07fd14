#include "tests/unit/sshsig_maker.h"

#include <openssl/bn.h>

const struct sshsig_policy no_flags = {.application = "ssh:"};
const struct sshsig_policy presence = {.application = "ssh:", .presence = true};
const struct sshsig_policy both = {.application = "ssh:", .presence = true, .verification = true};

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
    ssh_test_put_text(out, or_else(recipe->namespace, SSHSIG_TEST_NAMESPACE));
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

void sshsig_test_put_envelope(const struct ssh_test_key *key, const struct recipe *recipe,
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
    ssh_test_put_text(out, or_else(recipe->namespace, SSHSIG_TEST_NAMESPACE));
    ssh_test_put_text(out, or_else(recipe->reserved, ""));
    ssh_test_put_text(out, or_else(recipe->hash, "sha512"));
    ssh_test_put(out, ps_buf_bytes(&inner));
    ps_buf_put_str(out, or_else(recipe->after_all, ""));
    assert_ok(ps_buf_status(out));
}

void sshsig_test_put_armored(struct ps_bytes blob, size_t width, struct ps_buf *out)
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

void sshsig_test_sign(const struct ssh_test_key *key, const struct recipe *recipe,
                      struct ps_bytes message, struct ps_buf *out)
{
    PS_BUF_AUTO blob = {.max = 2048};

    sshsig_test_put_envelope(key, recipe, message, &blob);
    sshsig_test_put_armored(ps_buf_bytes(&blob), 70, out);
}

enum ps_err sshsig_test_verify(struct ps_bytes armored, const struct ssh_test_key *key,
                               const struct sshsig_policy *policy)
{
    struct sshsig_seen seen = {.counter = 77};
    const enum ps_err err = sshsig_verify(armored, key->key, SSHSIG_TEST_NAMESPACE,
                                          LITERAL(SSHSIG_TEST_MESSAGE), policy, &seen);

    assert_true(err == PS_OK || seen.counter == 77);
    return err;
}

enum ps_err sshsig_test_peek(struct ps_bytes armored)
{
    SSHSIG_CLAIM_AUTO claim = {0};

    return sshsig_peek(armored, &claim);
}

enum ps_err sshsig_test_sign_and_verify(const struct ssh_test_key *key, const struct recipe *recipe,
                                        const struct sshsig_policy *policy)
{
    PS_BUF_AUTO armored = {.max = SSHSIG_ARMORED_MAX};

    sshsig_test_sign(key, recipe, LITERAL(SSHSIG_TEST_MESSAGE), &armored);
    return sshsig_test_verify(ps_buf_bytes(&armored), key, policy);
}

void sshsig_test_malformed(enum ssh_key_type type, const struct recipe *recipe, const char *words,
                           const char *file, int line)
{
    struct ssh_test_key key = ssh_test_key(type, "ssh:");
    PS_BUF_AUTO armored = {.max = SSHSIG_ARMORED_MAX};

    sshsig_test_sign(&key, recipe, LITERAL(SSHSIG_TEST_MESSAGE), &armored);
    check_err(PS_E_INPUT, sshsig_test_verify(ps_buf_bytes(&armored), &key, &no_flags), "verify",
              file, line);
    check_says(words, file, line);
    check_err(PS_E_INPUT, sshsig_test_peek(ps_buf_bytes(&armored)), "peek", file, line);
    check_says(words, file, line);
    ssh_test_key_clear(&key);
}
