#ifndef TESTS_UNIT_FAKE_SESSION_H
#define TESTS_UNIT_FAKE_SESSION_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

#include "harness.h"

/* The scripted module with two tokens, and what several of its tests ask of it. */

static struct harness harness;
static CK_FUNCTION_LIST *p11;
static CK_SESSION_HANDLE session;
static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

static const unsigned char p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static const unsigned char p384[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};
static const unsigned char p521[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23};
static const unsigned char k256[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a};
static const unsigned char ed25519[] = {0x06, 0x03, 0x2b, 0x65, 0x70};

static inline __attribute__((unused)) int start(void **state)
{
    (void)state;
    harness_start(&harness, 2);
    p11 = harness.p11;
    session = harness_login(&harness, 0);
    return 0;
}

static inline __attribute__((unused)) int stop(void **state)
{
    (void)state;
    harness_stop(&harness);
    return 0;
}

static inline __attribute__((unused)) CK_ULONG
get_attribute(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, void *value, CK_ULONG size)
{
    CK_ATTRIBUTE wanted = {type, value, size};
    assert_int_equal(p11->C_GetAttributeValue(session, object, &wanted, 1), CKR_OK);
    return wanted.ulValueLen;
}

static inline __attribute__((unused)) bool get_bool(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type)
{
    CK_BBOOL value = 2;
    assert_int_equal(get_attribute(object, type, &value, sizeof(value)), sizeof(value));
    return value == CK_TRUE;
}

static inline __attribute__((unused)) EVP_PKEY *public_key(CK_OBJECT_HANDLE object)
{
    unsigned char der[1024];
    const unsigned char *at = der;
    CK_ULONG length = get_attribute(object, CKA_PUBLIC_KEY_INFO, der, sizeof(der));
    EVP_PKEY *pkey = d2i_PUBKEY(NULL, &at, (long)length);
    assert_non_null(pkey);
    return pkey;
}

static inline __attribute__((unused)) struct pair make_rsa(CK_ATTRIBUTE_TYPE usage)
{
    CK_ULONG bits = 2048;
    struct pair pair;
    CK_MECHANISM mechanism = {CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0};
    CK_ATTRIBUTE public[] = {{CKA_MODULUS_BITS, &bits, sizeof(bits)}};
    CK_ATTRIBUTE private[] = {{usage, &yes, sizeof(yes)}, {CKA_EXTRACTABLE, &yes, sizeof(yes)}};
    assert_int_equal(p11->C_GenerateKeyPair(session, &mechanism, public, 1, private, 2,
                                            &pair.public, &pair.private),
                     CKR_OK);
    return pair;
}

static inline __attribute__((unused)) CK_RV sign_once(CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key,
                                                      const void *data, CK_ULONG length,
                                                      unsigned char *signature,
                                                      CK_ULONG *signature_length)
{
    unsigned char copy[256];
    memcpy(copy, data, length);
    CK_RV rv = p11->C_SignInit(session, mechanism, key);
    return rv == CKR_OK ? p11->C_Sign(session, copy, length, signature, signature_length) : rv;
}

static inline __attribute__((unused)) void sign_and_verify(CK_MECHANISM *mechanism,
                                                           const struct pair *pair,
                                                           CK_ULONG data_length,
                                                           CK_ULONG signature_length)
{
    unsigned char data[64], signature[512];
    memset(data, 0x5a, sizeof(data));
    CK_ULONG length = sizeof(signature);
    assert_int_equal(sign_once(mechanism, pair->private, data, data_length, signature, &length),
                     CKR_OK);
    assert_int_equal(length, signature_length);
    assert_int_equal(p11->C_VerifyInit(session, mechanism, pair->public), CKR_OK);
    assert_int_equal(p11->C_Verify(session, data, data_length, signature, length), CKR_OK);
    signature[length / 2] ^= 1;
    assert_int_equal(p11->C_VerifyInit(session, mechanism, pair->public), CKR_OK);
    assert_int_equal(p11->C_Verify(session, data, data_length, signature, length),
                     CKR_SIGNATURE_INVALID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

#endif
