#include "fake_session.h"

/* Wrapping, encryption and derivation, as a token does them that behaves. */

static CK_OBJECT_HANDLE make_aes(const CK_ATTRIBUTE *more, CK_ULONG count)
{
    CK_ULONG length = 32;
    CK_OBJECT_HANDLE key;
    CK_ATTRIBUTE templ[8] = {{CKA_VALUE_LEN, &length, sizeof(length)}};
    if (count > 0)
        memcpy(templ + 1, more, count * sizeof(*more));
    CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
    assert_int_equal(p11->C_GenerateKey(session, &mechanism, templ, count + 1, &key), CKR_OK);
    return key;
}

static struct pair make_extractable(const unsigned char *params, size_t length)
{
    struct pair pair;
    unsigned char copy[16];
    memcpy(copy, params, length);
    CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, copy, length}};
    CK_ATTRIBUTE private[] = {{CKA_EXTRACTABLE, &yes, sizeof(yes)}};
    CK_MECHANISM mechanism = {length == 5 ? CKM_EC_EDWARDS_KEY_PAIR_GEN : CKM_EC_KEY_PAIR_GEN, NULL,
                              0};
    assert_int_equal(p11->C_GenerateKeyPair(session, &mechanism, public, 1, private, 1,
                                            &pair.public, &pair.private),
                     CKR_OK);
    return pair;
}

static void check_wrapping(const struct pair *pair, CK_KEY_TYPE type, CK_MECHANISM *signing,
                           CK_ULONG data, CK_ULONG signature)
{
    CK_OBJECT_HANDLE wrapper = make_aes(NULL, 0);
    CK_MECHANISM mechanism = {CKM_AES_KEY_WRAP_KWP, NULL, 0};
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE templ[] = {{CKA_CLASS, &class, sizeof(class)},
                            {CKA_KEY_TYPE, &type, sizeof(type)},
                            {CKA_SIGN, &yes, sizeof(yes)},
                            {CKA_EXTRACTABLE, &no, sizeof(no)}};
    unsigned char blob[2048];
    CK_ULONG length = sizeof(blob);
    struct pair back = {.public = pair->public};
    assert_int_equal(p11->C_WrapKey(session, &mechanism, wrapper, pair->private, blob, &length),
                     CKR_OK);
    assert_int_equal(
        p11->C_UnwrapKey(session, &mechanism, wrapper, blob, length, templ, 4, &back.private),
        CKR_OK);
    assert_false(get_bool(back.private, CKA_LOCAL));
    assert_false(get_bool(back.private, CKA_ALWAYS_SENSITIVE));
    assert_false(get_bool(back.private, CKA_NEVER_EXTRACTABLE));
    sign_and_verify(signing, &back, data, signature);
    blob[9] ^= 1;
    assert_int_equal(
        p11->C_UnwrapKey(session, &mechanism, wrapper, blob, length, templ, 4, &back.private),
        CKR_WRAPPED_KEY_INVALID);
}

static void every_kind_of_private_key_can_be_wrapped(void **state)
{
    (void)state;
    CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0}, eddsa = {CKM_EDDSA, NULL, 0};
    CK_MECHANISM pkcs = {CKM_SHA256_RSA_PKCS, NULL, 0};
    struct pair ec = make_extractable(k256, sizeof(k256));
    struct pair ed = make_extractable(ed25519, sizeof(ed25519));
    struct pair rsa = make_rsa(CKA_SIGN);
    check_wrapping(&ec, CKK_EC, &ecdsa, 32, 64);
    check_wrapping(&ed, CKK_EC_EDWARDS, &eddsa, 20, 64);
    check_wrapping(&rsa, CKK_RSA, &pkcs, 20, 256);
}

static void wrapping_obeys_both_keys(void **state)
{
    (void)state;
    CK_ATTRIBUTE inner[] = {{CKA_SIGN, &yes, sizeof(yes)}};
    CK_ATTRIBUTE limits[] = {{CKA_WRAP_TEMPLATE, inner, sizeof(inner)},
                             {CKA_UNWRAP_TEMPLATE, inner, sizeof(inner)}};
    CK_ATTRIBUTE trusting[] = {{CKA_EXTRACTABLE, &yes, sizeof(yes)},
                               {CKA_WRAP_WITH_TRUSTED, &yes, sizeof(yes)}};
    CK_ATTRIBUTE plain[] = {{CKA_EXTRACTABLE, &yes, sizeof(yes)}, {CKA_SIGN, &no, sizeof(no)}};
    CK_MECHANISM mechanism = {CKM_AES_KEY_WRAP_PAD, NULL, 0};
    CK_OBJECT_HANDLE limited = make_aes(limits, 2), wrapper = make_aes(NULL, 0), back;
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_AES;
    CK_ATTRIBUTE templ[] = {{CKA_CLASS, &class, sizeof(class)},
                            {CKA_KEY_TYPE, &type, sizeof(type)},
                            {CKA_SIGN, &no, sizeof(no)}};
    unsigned char blob[64];
    CK_ULONG length = sizeof(blob);
    assert_int_equal(p11->C_WrapKey(session, &mechanism, wrapper, limited, blob, &length),
                     CKR_KEY_UNEXTRACTABLE);
    assert_int_equal(
        p11->C_WrapKey(session, &mechanism, wrapper, make_aes(trusting, 2), blob, &length),
        CKR_KEY_NOT_WRAPPABLE);
    assert_int_equal(
        p11->C_WrapKey(session, &mechanism, limited, make_aes(plain, 2), blob, &length),
        CKR_KEY_HANDLE_INVALID);
    assert_int_equal(
        p11->C_WrapKey(session, &mechanism, limited, make_aes(plain, 1), blob, &length), CKR_OK);
    assert_int_equal(length, 40);
    assert_int_equal(p11->C_UnwrapKey(session, &mechanism, limited, blob, length, templ, 3, &back),
                     CKR_TEMPLATE_INCONSISTENT);
    assert_int_equal(p11->C_UnwrapKey(session, &mechanism, limited, blob, length, templ, 2, &back),
                     CKR_OK);
    assert_true(get_bool(back, CKA_SIGN));
}

static void oaep_and_raw_rsa_decrypt_what_openssl_encrypted(void **state)
{
    (void)state;
    struct pair pair = make_rsa(CKA_DECRYPT);
    CK_RSA_PKCS_OAEP_PARAMS oaep = {CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, NULL, 0};
    CK_MECHANISM mechanism = {CKM_RSA_PKCS_OAEP, &oaep, sizeof(oaep)};
    CK_MECHANISM raw = {CKM_RSA_X_509, NULL, 0};
    unsigned char encrypted[256], plain[256];
    size_t size = sizeof(encrypted);
    EVP_PKEY *pkey = public_key(pair.public);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(pkey, NULL);
    assert_int_equal(EVP_PKEY_encrypt_init(context), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256()), 1);
    assert_int_equal(
        EVP_PKEY_encrypt(context, encrypted, &size, (const unsigned char *)"secret", 6), 1);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(pkey);
    CK_ULONG length = 6;
    assert_int_equal(p11->C_DecryptInit(session, &mechanism, pair.private), CKR_OK);
    assert_int_equal(p11->C_Decrypt(session, encrypted, 256, plain, &length), CKR_OK);
    assert_int_equal(length, 6);
    assert_memory_equal(plain, "secret", 6);
    length = sizeof(plain);
    assert_int_equal(p11->C_DecryptInit(session, &raw, pair.private), CKR_OK);
    assert_int_equal(p11->C_Decrypt(session, encrypted, 256, plain, &length), CKR_OK);
    assert_int_equal(length, 256);
    encrypted[0] ^= 1;
    assert_int_equal(p11->C_DecryptInit(session, &mechanism, pair.private), CKR_OK);
    assert_int_equal(p11->C_Decrypt(session, encrypted, 256, plain, &length),
                     CKR_ENCRYPTED_DATA_INVALID);
}

static void gcm_opens_only_what_it_sealed(void **state)
{
    (void)state;
    CK_OBJECT_HANDLE key = make_aes(NULL, 0);
    unsigned char iv[12] = {7}, aad[3] = "aad", data[20] = "twenty octets of it", sealed[36],
                  opened[20];
    CK_GCM_PARAMS gcm = {iv, sizeof(iv), 96, aad, sizeof(aad), 128};
    CK_MECHANISM mechanism = {CKM_AES_GCM, &gcm, sizeof(gcm)};
    CK_ULONG length = sizeof(sealed), opened_length = sizeof(opened);
    assert_int_equal(p11->C_EncryptInit(session, &mechanism, key), CKR_OK);
    assert_int_equal(p11->C_Encrypt(session, data, 20, sealed, &length), CKR_OK);
    assert_int_equal(length, 36);
    assert_int_equal(p11->C_DecryptInit(session, &mechanism, key), CKR_OK);
    assert_int_equal(p11->C_Decrypt(session, sealed, 36, opened, &opened_length), CKR_OK);
    assert_memory_equal(opened, data, 20);
    aad[0] = 'x';
    assert_int_equal(p11->C_DecryptInit(session, &mechanism, key), CKR_OK);
    assert_int_equal(p11->C_Decrypt(session, sealed, 36, opened, &opened_length),
                     CKR_ENCRYPTED_DATA_INVALID);
    gcm.pIv = NULL;
    assert_int_equal(p11->C_EncryptInit(session, &mechanism, key), CKR_MECHANISM_PARAM_INVALID);
}

static CK_RV derive(CK_OBJECT_HANDLE base, unsigned char *point, CK_ULONG size,
                    unsigned char *secret)
{
    CK_ECDH1_DERIVE_PARAMS ecdh = {CKD_NULL, 0, NULL, size, point};
    CK_MECHANISM mechanism = {CKM_ECDH1_DERIVE, &ecdh, sizeof(ecdh)};
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_OBJECT_HANDLE key;
    CK_ATTRIBUTE templ[] = {{CKA_CLASS, &class, sizeof(class)},
                            {CKA_SENSITIVE, &no, sizeof(no)},
                            {CKA_EXTRACTABLE, &yes, sizeof(yes)}};
    CK_RV rv = p11->C_DeriveKey(session, &mechanism, base, templ, 3, &key);
    if (rv == CKR_OK)
        assert_int_equal(get_attribute(key, CKA_VALUE, secret, 32), 32);
    return rv;
}

static void two_sides_derive_the_same_secret(void **state)
{
    (void)state;
    struct pair a = harness_make_p256(&harness, session), b = harness_make_p256(&harness, session);
    unsigned char point_a[80], point_b[80], first[32], second[32];
    get_attribute(a.public, CKA_EC_POINT, point_a, sizeof(point_a));
    get_attribute(b.public, CKA_EC_POINT, point_b, sizeof(point_b));
    assert_int_equal(derive(a.private, point_b, 67, first), CKR_OK);
    assert_int_equal(derive(b.private, point_a + 2, 65, second), CKR_OK);
    assert_memory_equal(first, second, 32);
    point_b[40] ^= 1;
    assert_int_equal(derive(a.private, point_b, 67, first), CKR_MECHANISM_PARAM_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_kind_of_private_key_can_be_wrapped),
        TEST(wrapping_obeys_both_keys),
        TEST(oaep_and_raw_rsa_decrypt_what_openssl_encrypted),
        TEST(gcm_opens_only_what_it_sealed),
        TEST(two_sides_derive_the_same_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
