#include "fake_session.h"

/* What the scripted module does when nobody scripts it: that of a token that behaves. */

static void both_interfaces_are_offered_unless_v3_is_off(void **state)
{
    (void)state;
    CK_C_GetInterfaceList get_list = NULL;
    CK_C_GetInterface get = NULL;
    *(void **)&get_list = dlsym(harness.library, "C_GetInterfaceList");
    *(void **)&get = dlsym(harness.library, "C_GetInterface");
    CK_INTERFACE list[2], *one = NULL;
    CK_VERSION three = {3, 0}, two = {2, 40};
    CK_ULONG count = 2;
    assert_int_equal(get_list(list, &count), CKR_OK);
    assert_int_equal(count, 2);
    assert_int_equal(get(NULL, &three, &one, 0), CKR_OK);
    const CK_FUNCTION_LIST_3_0 *v3 = one->pFunctionList;
    assert_int_equal(v3->v2.version.major, 3);
    assert_int_equal(v3->C_LoginUser(session, CKU_USER, NULL, 0, NULL, 0),
                     CKR_FUNCTION_NOT_SUPPORTED);
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    struct pair pair = harness_make_p256(&harness, session);
    assert_int_equal(p11->C_SignInit(session, &mechanism, pair.private), CKR_OK);
    assert_int_equal(v3->C_SessionCancel(session, CKF_SIGN), CKR_OK);
    assert_int_equal(p11->C_SignInit(session, &mechanism, pair.private), CKR_OK);
    assert_int_equal(p11->C_SignInit(session, NULL, 0), CKR_OK);
    atomic_store(&harness.control->offers_v3, 0);
    assert_int_equal(get_list(NULL, &count), CKR_OK);
    assert_int_equal(count, 1);
    assert_int_equal(get(NULL, &three, &one, 0), CKR_FUNCTION_FAILED);
    assert_int_equal(get(NULL, &two, &one, 0), CKR_OK);
}

static void each_curve_signs_what_it_verifies(void **state)
{
    (void)state;
    const struct {
        const unsigned char *params;
        size_t length, digest, signature;
    } curves[] = {{p256, sizeof(p256), 32, 64},
                  {p384, sizeof(p384), 48, 96},
                  {p521, sizeof(p521), 64, 132},
                  {k256, sizeof(k256), 32, 64}};
    CK_MECHANISM raw = {CKM_ECDSA, NULL, 0}, hashing = {CKM_ECDSA_SHA256, NULL, 0};
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
        struct pair pair =
            harness_make_curve(&harness, session, curves[i].params, curves[i].length);
        sign_and_verify(&raw, &pair, curves[i].digest, curves[i].signature);
        sign_and_verify(&hashing, &pair, 50, curves[i].signature);
        assert_true(get_bool(pair.private, CKA_ALWAYS_SENSITIVE));
        assert_true(get_bool(pair.private, CKA_NEVER_EXTRACTABLE));
        assert_true(get_bool(pair.private, CKA_LOCAL));
    }
}

/* More than one stock of nonces; the digests all of 0 and all of 1 are at the order's edges. */
static void ecdsa_takes_digests_of_any_length_and_no_nonce_twice(void **state)
{
    (void)state;
    enum { COUNT = 100 };
    const struct {
        const unsigned char *params;
        size_t length, half;
    } curves[] = {{p256, sizeof(p256), 32}, {p521, sizeof(p521), 66}, {k256, sizeof(k256), 32}};
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    static unsigned char signatures[COUNT][132];
    unsigned char data[80];
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
        struct pair pair =
            harness_make_curve(&harness, session, curves[i].params, curves[i].length);
        for (size_t j = 0; j < COUNT; j++) {
            CK_ULONG length = sizeof(signatures[j]), digest = 1 + j % sizeof(data);
            memset(data, j % 2 ? 0xff : 0, sizeof(data));
            assert_int_equal(
                sign_once(&mechanism, pair.private, data, digest, signatures[j], &length), CKR_OK);
            assert_int_equal(p11->C_VerifyInit(session, &mechanism, pair.public), CKR_OK);
            assert_int_equal(p11->C_Verify(session, data, digest, signatures[j], length), CKR_OK);
            for (size_t k = 0; k < j; k++)
                assert_memory_not_equal(signatures[j], signatures[k], curves[i].half);
        }
    }
}

static void ed25519_agrees_with_openssl(void **state)
{
    (void)state;
    struct pair pair = harness_make_curve(&harness, session, ed25519, sizeof(ed25519));
    CK_MECHANISM mechanism = {CKM_EDDSA, NULL, 0};
    unsigned char signature[64], point[64];
    CK_ULONG length = sizeof(signature);
    sign_and_verify(&mechanism, &pair, 33, 64);
    assert_int_equal(sign_once(&mechanism, pair.private, "abc", 3, signature, &length), CKR_OK);
    EVP_PKEY *pkey = public_key(pair.public);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit(context, NULL, NULL, NULL, pkey), 1);
    assert_int_equal(EVP_DigestVerify(context, signature, length, (const unsigned char *)"abc", 3),
                     1);
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pkey);
    assert_int_equal(get_attribute(pair.public, CKA_EC_POINT, point, sizeof(point)), 34);
    assert_memory_equal(point, "\x04\x20", 2);
    atomic_store(&harness.control->tokens[0].raw_ec_point, 1);
    assert_int_equal(get_attribute(pair.public, CKA_EC_POINT, point, sizeof(point)), 32);
}

static void rsa_signs_in_each_padding_and_in_parts(void **state)
{
    (void)state;
    struct pair pair = make_rsa(CKA_SIGN);
    CK_RSA_PKCS_PSS_PARAMS pss = {CKM_SHA256, CKG_MGF1_SHA256, 32};
    CK_MECHANISM pkcs = {CKM_RSA_PKCS, NULL, 0}, hashing = {CKM_SHA256_RSA_PKCS, NULL, 0};
    CK_MECHANISM raw_pss = {CKM_RSA_PKCS_PSS, &pss, sizeof(pss)};
    CK_MECHANISM hashing_pss = {CKM_SHA256_RSA_PKCS_PSS, &pss, sizeof(pss)};
    sign_and_verify(&pkcs, &pair, 51, 256);
    sign_and_verify(&hashing, &pair, 20, 256);
    sign_and_verify(&raw_pss, &pair, 32, 256);
    sign_and_verify(&hashing_pss, &pair, 40, 256);
    unsigned char once[256], parts[256], data[] = "two parts";
    CK_ULONG length = sizeof(once);
    assert_int_equal(sign_once(&hashing, pair.private, data, 9, once, &length), CKR_OK);
    assert_int_equal(p11->C_SignInit(session, &hashing, pair.private), CKR_OK);
    assert_int_equal(p11->C_SignUpdate(session, data, 4), CKR_OK);
    assert_int_equal(p11->C_SignUpdate(session, data + 4, 5), CKR_OK);
    assert_int_equal(p11->C_SignFinal(session, parts, &length), CKR_OK);
    assert_memory_equal(once, parts, 256);
    assert_int_equal(sign_once(&raw_pss, pair.private, data, 9, once, &length), CKR_DATA_LEN_RANGE);
    pss.mgf = 99;
    assert_int_equal(p11->C_SignInit(session, &raw_pss, pair.private), CKR_MECHANISM_PARAM_INVALID);
}

static void a_length_query_leaves_the_operation_active(void **state)
{
    (void)state;
    struct pair pair = harness_make_p256(&harness, session);
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    unsigned char digest[32] = {1}, signature[64];
    CK_ULONG length = 0;
    assert_int_equal(p11->C_Sign(session, digest, 32, signature, &length),
                     CKR_OPERATION_NOT_INITIALIZED);
    assert_int_equal(p11->C_SignInit(session, &mechanism, pair.private), CKR_OK);
    assert_int_equal(p11->C_SignInit(session, &mechanism, pair.private), CKR_OPERATION_ACTIVE);
    assert_int_equal(p11->C_Sign(session, digest, 32, NULL, &length), CKR_OK);
    assert_int_equal(length, 64);
    length = 63;
    assert_int_equal(p11->C_Sign(session, digest, 32, signature, &length), CKR_BUFFER_TOO_SMALL);
    assert_int_equal(length, 64);
    assert_int_equal(p11->C_Sign(session, digest, 32, signature, &length), CKR_OK);
    assert_int_equal(p11->C_Sign(session, digest, 32, signature, &length),
                     CKR_OPERATION_NOT_INITIALIZED);
}

static void attribute_values_follow_the_five_cases(void **state)
{
    (void)state;
    struct pair pair = harness_make_p256(&harness, session);
    CK_ULONG type = 0;
    unsigned char secret[32], small[1];
    CK_ATTRIBUTE wanted[] = {{CKA_VALUE, secret, sizeof(secret)},
                             {CKA_MODULUS, secret, sizeof(secret)},
                             {CKA_EC_PARAMS, NULL, 0},
                             {CKA_KEY_TYPE, &type, sizeof(type)},
                             {CKA_PUBLIC_KEY_INFO, small, sizeof(small)}};
    CK_RV rv = p11->C_GetAttributeValue(session, pair.private, wanted, 5);
    assert_true(rv == CKR_ATTRIBUTE_SENSITIVE || rv == CKR_ATTRIBUTE_TYPE_INVALID ||
                rv == CKR_BUFFER_TOO_SMALL);
    assert_int_equal(wanted[0].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    assert_int_equal(wanted[1].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    assert_int_equal(wanted[2].ulValueLen, sizeof(p256));
    assert_int_equal(type, CKK_EC);
    assert_int_equal(wanted[4].ulValueLen, CK_UNAVAILABLE_INFORMATION);
}

static CK_RV set_one(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, CK_BBOOL *value)
{
    CK_ATTRIBUTE change = {type, value, sizeof(*value)};
    return p11->C_SetAttributeValue(session, object, &change, 1);
}

static void attributes_change_only_the_way_they_may(void **state)
{
    (void)state;
    struct pair pair = harness_make_p256(&harness, session);
    CK_OBJECT_HANDLE copy;
    CK_ATTRIBUTE fixed[] = {{CKA_MODIFIABLE, &no, sizeof(no)}, {CKA_COPYABLE, &no, sizeof(no)}};
    assert_int_equal(set_one(pair.private, CKA_SENSITIVE, &no), CKR_ATTRIBUTE_READ_ONLY);
    assert_int_equal(set_one(pair.private, CKA_EXTRACTABLE, &yes), CKR_ATTRIBUTE_READ_ONLY);
    assert_int_equal(set_one(pair.private, CKA_WRAP_WITH_TRUSTED, &yes), CKR_OK);
    assert_int_equal(set_one(pair.private, CKA_WRAP_WITH_TRUSTED, &no), CKR_ATTRIBUTE_READ_ONLY);
    assert_int_equal(set_one(pair.private, CKA_LOCAL, &no), CKR_ATTRIBUTE_READ_ONLY);
    assert_int_equal(set_one(pair.public, CKA_TRUSTED, &yes), CKR_ATTRIBUTE_READ_ONLY);
    assert_int_equal(p11->C_CopyObject(session, pair.private, fixed, 2, &copy), CKR_OK);
    assert_int_equal(set_one(copy, CKA_SIGN, &no), CKR_ACTION_PROHIBITED);
    assert_int_equal(p11->C_CopyObject(session, copy, NULL, 0, &copy), CKR_ACTION_PROHIBITED);
    assert_int_equal(set_one(pair.private, CKA_SIGN, &no), CKR_OK);
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    assert_int_equal(p11->C_SignInit(session, &mechanism, pair.private),
                     CKR_KEY_FUNCTION_NOT_PERMITTED);
}

static void private_objects_need_a_login(void **state)
{
    (void)state;
    struct pair pair = harness_make_p256(&harness, session);
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    CK_UTF8CHAR pin[] = HARNESS_USER_PIN;
    assert_int_equal(p11->C_Login(session, CKU_USER, pin, sizeof(pin) - 1),
                     CKR_USER_ALREADY_LOGGED_IN);
    assert_int_equal(p11->C_Logout(session), CKR_OK);
    assert_int_equal(p11->C_SignInit(session, &mechanism, pair.private), CKR_OBJECT_HANDLE_INVALID);
    CK_OBJECT_HANDLE found[8];
    CK_ULONG count = 0;
    assert_int_equal(p11->C_FindObjectsInit(session, NULL, 0), CKR_OK);
    assert_int_equal(p11->C_FindObjects(session, found, 8, &count), CKR_OK);
    assert_int_equal(p11->C_FindObjectsFinal(session), CKR_OK);
    assert_int_equal(count, 1);
    assert_int_equal(found[0], pair.public);
}

static void wrong_pins_count_and_lock(void **state)
{
    (void)state;
    CK_SESSION_HANDLE other = harness_open(&harness, 1);
    CK_UTF8CHAR wrong[] = "wrong", pin[] = HARNESS_USER_PIN;
    CK_TOKEN_INFO info;
    atomic_store(&harness.control->tokens[1].pin_tries, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(p11->C_Login(other, CKU_USER, wrong, 5), CKR_PIN_INCORRECT);
    assert_int_equal(p11->C_Login(other, CKU_USER, pin, sizeof(pin) - 1), CKR_PIN_LOCKED);
    assert_int_equal(p11->C_GetTokenInfo(1, &info), CKR_OK);
    assert_true(info.flags & CKF_USER_PIN_LOCKED);
    CK_UTF8CHAR so_pin[] = HARNESS_SO_PIN;
    assert_int_equal(p11->C_Login(other, CKU_SO, so_pin, sizeof(so_pin) - 1), CKR_OK);
    assert_int_equal(p11->C_InitPIN(other, pin, sizeof(pin) - 1), CKR_OK);
    assert_int_equal(p11->C_Logout(other), CKR_OK);
    assert_int_equal(p11->C_Login(other, CKU_USER, pin, sizeof(pin) - 1), CKR_OK);
}

static void allowed_mechanisms_are_the_only_ones(void **state)
{
    (void)state;
    CK_MECHANISM_TYPE allowed[] = {CKM_SHA256_HMAC};
    CK_ULONG length = 32;
    CK_OBJECT_HANDLE key;
    CK_ATTRIBUTE templ[] = {{CKA_VALUE_LEN, &length, sizeof(length)},
                            {CKA_ALLOWED_MECHANISMS, allowed, sizeof(allowed)}};
    CK_MECHANISM generate = {CKM_GENERIC_SECRET_KEY_GEN, NULL, 0};
    CK_MECHANISM hmac256 = {CKM_SHA256_HMAC, NULL, 0}, hmac512 = {CKM_SHA512_HMAC, NULL, 0};
    assert_int_equal(p11->C_GenerateKey(session, &generate, templ, 2, &key), CKR_OK);
    assert_int_equal(p11->C_SignInit(session, &hmac512, key), CKR_MECHANISM_INVALID);
    struct pair same = {key, key};
    sign_and_verify(&hmac256, &same, 30, 32);
}

static void lists_of_attributes_are_checked(void **state)
{
    (void)state;
    CK_ULONG length = 32;
    CK_OBJECT_HANDLE key;
    CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
    const struct {
        CK_ATTRIBUTE attribute;
        CK_RV rv;
    } bad[] = {{{CKA_LOCAL, &yes, 1}, CKR_ATTRIBUTE_READ_ONLY},
               {{CKA_VALUE, &length, 8}, CKR_TEMPLATE_INCONSISTENT},
               {{CKA_MODULUS, &length, 8}, CKR_ATTRIBUTE_TYPE_INVALID},
               {{CKA_VENDOR_DEFINED, &length, 8}, CKR_ATTRIBUTE_TYPE_INVALID},
               {{CKA_SIGN, &length, 8}, CKR_ATTRIBUTE_VALUE_INVALID},
               {{CKA_TRUSTED, &yes, 1}, CKR_ATTRIBUTE_READ_ONLY}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CK_ATTRIBUTE templ[] = {{CKA_VALUE_LEN, &length, sizeof(length)}, bad[i].attribute};
        assert_int_equal(p11->C_GenerateKey(session, &mechanism, templ, 2, &key), bad[i].rv);
    }
    assert_int_equal(p11->C_GenerateKey(session, &mechanism, NULL, 0, &key),
                     CKR_TEMPLATE_INCOMPLETE);
    CK_SESSION_HANDLE reading;
    CK_ATTRIBUTE stored[] = {{CKA_VALUE_LEN, &length, sizeof(length)},
                             {CKA_TOKEN, &yes, sizeof(yes)}};
    assert_int_equal(p11->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &reading), CKR_OK);
    assert_int_equal(p11->C_GenerateKey(reading, &mechanism, stored, 2, &key),
                     CKR_SESSION_READ_ONLY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(both_interfaces_are_offered_unless_v3_is_off),
        TEST(each_curve_signs_what_it_verifies),
        TEST(ecdsa_takes_digests_of_any_length_and_no_nonce_twice),
        TEST(ed25519_agrees_with_openssl),
        TEST(rsa_signs_in_each_padding_and_in_parts),
        TEST(a_length_query_leaves_the_operation_active),
        TEST(attribute_values_follow_the_five_cases),
        TEST(attributes_change_only_the_way_they_may),
        TEST(private_objects_need_a_login),
        TEST(wrong_pins_count_and_lock),
        TEST(allowed_mechanisms_are_the_only_ones),
        TEST(lists_of_attributes_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
