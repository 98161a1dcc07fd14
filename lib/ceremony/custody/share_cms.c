#include "lib/ceremony/custody/share_cms.h"

#include "lib/base/hash.h"
#include "lib/base/name.h"
#include "lib/formats/pem.h"

#include <openssl/cms.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

/* RFC 5652 section 12.1 has no way to say how long; a certificate that is an address needs none. */
#define VALID_S   (50ll * 365 * 86400)
#define RSA_LEAST 2048
#define RSA_MOST  4096

PS_DEFINE_CLEANUP(X509, X509_free)
PS_DEFINE_CLEANUP(CMS_ContentInfo, CMS_ContentInfo_free)
PS_DEFINE_CLEANUP(EVP_PKEY, EVP_PKEY_free)
PS_DEFINE_CLEANUP(EVP_PKEY_CTX, EVP_PKEY_CTX_free)
PS_DEFINE_CLEANUP(BIO, BIO_free_all)
PS_DEFINE_CLEANUP(BIGNUM, BN_clear_free)
PS_DEFINE_CLEANUP(OSSL_PARAM_BLD, OSSL_PARAM_BLD_free)
PS_DEFINE_CLEANUP(OSSL_PARAM, OSSL_PARAM_free)

static enum ps_err internal(const char *what)
{
    ERR_clear_error();
    return ps_fail(PS_E_INTERNAL, 0, "OpenSSL: %s", what);
}

/* --- Certificates of officers --- */

static bool is_curve(const EVP_PKEY *key)
{
    char name[32];

    return EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, name, sizeof name,
                                          NULL) == 1 &&
           (strcmp(name, "prime256v1") == 0 || strcmp(name, "secp384r1") == 0);
}

/* RFC 5280 section 4.2.1.3: without the extension every usage is good. */
static bool may_encrypt(X509 *certificate, bool is_rsa)
{
    const uint32_t usage = X509_get_key_usage(certificate);

    return (usage & (is_rsa ? KU_KEY_ENCIPHERMENT : KU_KEY_AGREEMENT)) != 0;
}

static enum ps_err check_key(X509 *certificate)
{
    const EVP_PKEY *key = X509_get0_pubkey(certificate);
    const bool is_rsa = key != NULL && EVP_PKEY_is_a(key, "RSA") == 1;
    const int bits = key == NULL ? 0 : EVP_PKEY_get_bits(key);

    if (is_rsa ? bits < RSA_LEAST || bits > RSA_MOST
               : key == NULL || EVP_PKEY_is_a(key, "EC") != 1 || !is_curve(key)) {
        ERR_clear_error();
        return ps_fail(PS_E_INPUT, 0,
                       "an officer's certificate is of RSA of 2048 to 4096 bits, P-256 or P-384");
    }
    if (!may_encrypt(certificate, is_rsa)) {
        return ps_fail(PS_E_INPUT, 0,
                       "this certificate is not for encryption: its key usage lacks %s; a smart "
                       "card has another one for that (PIV: slot 9d, key management)",
                       is_rsa ? "keyEncipherment" : "keyAgreement");
    }
    return PS_OK;
}

static enum ps_err read_recipient(struct ps_bytes der, X509 **ret_certificate)
{
    const uint8_t *at = der.data;
    PS_CLEANUP(X509_free_cleanup)
    X509 *certificate =
        der.len == 0 || der.len > CMS_RECIPIENT_MAX ? NULL : d2i_X509(NULL, &at, (long)der.len);

    if (certificate == NULL || at != der.data + der.len) {
        ERR_clear_error();
        return ps_fail(PS_E_INPUT, 0, "not one X.509 certificate in DER of at most %d octets",
                       CMS_RECIPIENT_MAX);
    }
    PS_TRY(check_key(certificate));
    *ret_certificate = certificate;
    certificate = NULL;
    return PS_OK;
}

enum ps_err cms_check_recipient(struct ps_bytes certificate)
{
    PS_CLEANUP(X509_free_cleanup) X509 *read = NULL;

    return read_recipient(certificate, &read);
}

/* --- Sealing --- */

static bool set_oaep(EVP_PKEY_CTX *context)
{
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256()) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256()) == 1;
}

/* What OpenSSL takes by itself is PKCS#1 v1.5 and a KDF of SHA-1. */
static bool add_recipient(CMS_ContentInfo *cms, X509 *certificate)
{
    CMS_RecipientInfo *recipient =
        CMS_add1_recipient_cert(cms, certificate, CMS_KEY_PARAM | CMS_BINARY);
    EVP_PKEY_CTX *context = recipient == NULL ? NULL : CMS_RecipientInfo_get0_pkey_ctx(recipient);

    if (context == NULL) {
        return false;
    }
    return EVP_PKEY_is_a(X509_get0_pubkey(certificate), "RSA") == 1
               ? set_oaep(context)
               : EVP_PKEY_CTX_set_ecdh_kdf_md(context, EVP_sha256()) == 1;
}

static enum ps_err put_der(CMS_ContentInfo *cms, struct ps_buf *out)
{
    const int len = i2d_CMS_ContentInfo(cms, NULL);
    uint8_t *at;

    if (len <= 0 || len > CMS_SEALED_MAX) {
        return internal("CMS");
    }
    at = ps_buf_reserve(out, (size_t)len);
    PS_TRY(ps_buf_status(out));
    if (i2d_CMS_ContentInfo(cms, &at) != len) {
        return internal("CMS");
    }
    ps_buf_commit(out, (size_t)len);
    return PS_OK;
}

enum ps_err cms_seal(struct ps_bytes certificate, struct ps_bytes content, struct ps_buf *out)
{
    const unsigned flags = CMS_BINARY | CMS_PARTIAL;
    PS_CLEANUP(X509_free_cleanup) X509 *to = NULL;
    PS_CLEANUP(BIO_free_all_cleanup) BIO *in = NULL;
    PS_CLEANUP(CMS_ContentInfo_free_cleanup) CMS_ContentInfo *cms = NULL;

    if (content.len == 0 || content.len > CMS_CONTENT_MAX) {
        return ps_fail(PS_E_INPUT, 0, "nothing to seal, or too much");
    }
    PS_TRY(read_recipient(certificate, &to));
    in = BIO_new_mem_buf(content.data, (int)content.len);
    cms = CMS_AuthEnvelopedData_create(EVP_aes_256_gcm());
    if (in == NULL || cms == NULL || CMS_set_detached(cms, 0) != 1 || !add_recipient(cms, to) ||
        CMS_final(cms, in, NULL, flags) != 1) {
        return internal("CMS encryption");
    }
    return put_der(cms, out);
}

void cms_put_pem(struct ps_bytes der, struct ps_buf *out)
{
    pem_put("CMS", der, out);
}

/* --- Opening --- */

static enum ps_err key_from_scalar(struct ps_bytes scalar, EVP_PKEY **ret_key)
{
    PS_CLEANUP(BN_clear_free_cleanup) BIGNUM *number = NULL;
    PS_CLEANUP(OSSL_PARAM_BLD_free_cleanup) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    PS_CLEANUP(OSSL_PARAM_free_cleanup) OSSL_PARAM *params = NULL;
    PS_CLEANUP(EVP_PKEY_CTX_free_cleanup)
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *key = NULL;

    if (scalar.len != OFFICER_KEY_LEN) {
        return ps_fail(PS_E_INPUT, 0, "an officer's private key has %d octets", OFFICER_KEY_LEN);
    }
    number = BN_secure_new();
    if (number == NULL || BN_bin2bn(scalar.data, (int)scalar.len, number) == NULL ||
        builder == NULL || context == NULL ||
        OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) !=
            1 ||
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, number) != 1 ||
        (params = OSSL_PARAM_BLD_to_param(builder)) == NULL ||
        EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, params) != 1) {
        ERR_clear_error();
        return ps_fail(PS_E_INPUT, 0, "not a private key on P-256");
    }
    *ret_key = key;
    return PS_OK;
}

static enum ps_err read_pem(struct ps_bytes text, struct ps_buf *der)
{
    PS_TRY(pem_take(&text, "CMS", der));
    return pem_take(&text, "CMS", der) == PS_E_NOT_FOUND
               ? PS_OK
               : ps_fail(PS_E_INPUT, 0, "more than one sealed share in a file");
}

static enum ps_err read_cms(struct ps_bytes sealed, struct ps_buf *memory,
                            CMS_ContentInfo **ret_cms)
{
    const bool is_der = sealed.len != 0 && sealed.data[0] == 0x30;
    struct ps_bytes der = sealed;
    const uint8_t *at;
    CMS_ContentInfo *cms;

    if (!is_der) {
        PS_TRY(read_pem(sealed, memory));
        der = ps_buf_bytes(memory);
    }
    at = der.data;
    cms = der.len == 0 || der.len > CMS_SEALED_MAX ? NULL
                                                   : d2i_CMS_ContentInfo(NULL, &at, (long)der.len);
    if (cms == NULL || at != der.data + der.len ||
        OBJ_obj2nid(CMS_get0_type(cms)) != NID_id_smime_ct_authEnvelopedData) {
        CMS_ContentInfo_free(cms);
        ERR_clear_error();
        return ps_fail(PS_E_INPUT, 0, "not a share sealed to an officer (CMS)");
    }
    *ret_cms = cms;
    return PS_OK;
}

static enum ps_err take_content(BIO *content, struct ps_buf *out)
{
    uint8_t room[CMS_CONTENT_MAX + 1];
    const int len = BIO_read(content, room, sizeof room);
    enum ps_err err;

    if (len <= 0 || (size_t)len > CMS_CONTENT_MAX) {
        ps_wipe(room, sizeof room);
        return ps_fail(PS_E_INPUT, 0, "what was sealed is empty or too long");
    }
    ps_buf_put(out, ps_bytes(room, (size_t)len));
    err = ps_buf_status(out);
    ps_wipe(room, sizeof room);
    return err;
}

enum ps_err cms_open(struct ps_bytes sealed, struct ps_bytes key, struct ps_buf *out)
{
    PS_BUF_AUTO memory = {.max = CMS_SEALED_MAX};
    PS_CLEANUP(CMS_ContentInfo_free_cleanup) CMS_ContentInfo *cms = NULL;
    PS_CLEANUP(EVP_PKEY_free_cleanup) EVP_PKEY *private_key = NULL;
    PS_CLEANUP(BIO_free_all_cleanup) BIO *content = NULL;

    PS_TRY(read_cms(sealed, &memory, &cms));
    PS_TRY(key_from_scalar(key, &private_key));
    /* Wipes its memory when it is freed. */
    content = BIO_new(BIO_s_secmem());
    if (content == NULL) {
        return internal("memory");
    }
    if (CMS_decrypt(cms, private_key, NULL, NULL, content, CMS_BINARY) != 1) {
        ERR_clear_error();
        return ps_fail(PS_E_DENIED, 0, "it is not sealed to this key, or it was damaged");
    }
    return take_content(content, out);
}

/* --- Keys of officers --- */

static enum ps_err take_scalar(const EVP_PKEY *key, struct ps_secret **ret_key)
{
    PS_CLEANUP(BN_clear_free_cleanup) BIGNUM *number = NULL;
    uint8_t octets[OFFICER_KEY_LEN];
    enum ps_err err;

    if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &number) != 1 ||
        BN_bn2binpad(number, octets, sizeof octets) != (int)sizeof octets) {
        return internal("private key");
    }
    err = ps_secret_new(ps_bytes(octets, sizeof octets), ret_key);
    ps_wipe(octets, sizeof octets);
    return err;
}

static bool add_usage(X509 *certificate)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;
    int added;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, NID_key_usage, "critical,keyAgreement");
    added = extension == NULL ? 0 : X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    return added == 1;
}

static bool fill(X509 *certificate, struct ps_bytes officer, uint64_t now_s, EVP_PKEY *key)
{
    X509_NAME *name = X509_get_subject_name(certificate);
    uint8_t serial[16];
    time_t from = (time_t)now_s;
    PS_CLEANUP(BN_clear_free_cleanup) BIGNUM *number = NULL;

    ps_random(serial, sizeof serial);
    serial[0] = (serial[0] & 0x3f) | 0x40;
    number = BN_bin2bn(serial, sizeof serial, NULL);
    return number != NULL &&
           BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL &&
           X509_set_version(certificate, X509_VERSION_3) == 1 &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, officer.data, (int)officer.len, -1,
                                      0) == 1 &&
           X509_set_issuer_name(certificate, name) == 1 &&
           X509_time_adj_ex(X509_getm_notBefore(certificate), 0, 0, &from) != NULL &&
           X509_time_adj_ex(X509_getm_notAfter(certificate), 0, VALID_S, &from) != NULL &&
           X509_set_pubkey(certificate, key) == 1 && add_usage(certificate) &&
           X509_sign(certificate, key, EVP_sha256()) != 0;
}

static enum ps_err put_certificate(X509 *certificate, struct ps_buf *out)
{
    const int len = i2d_X509(certificate, NULL);
    uint8_t *at;

    if (len <= 0 || len > CMS_RECIPIENT_MAX) {
        return internal("certificate");
    }
    at = ps_buf_reserve(out, (size_t)len);
    PS_TRY(ps_buf_status(out));
    if (i2d_X509(certificate, &at) != len) {
        return internal("certificate");
    }
    ps_buf_commit(out, (size_t)len);
    return PS_OK;
}

enum ps_err officer_key_make(struct ps_bytes officer, uint64_t now_s, struct ps_secret **ret_key,
                             struct ps_buf *certificate)
{
    PS_CLEANUP(EVP_PKEY_free_cleanup) EVP_PKEY *key = NULL;
    PS_CLEANUP(X509_free_cleanup) X509 *made = X509_new();

    if (!ps_name_valid(officer) || officer.len > 64) {
        return ps_fail(PS_E_INPUT, 0, "an officer's name is that of the roster");
    }
    key = EVP_EC_gen("P-256");
    if (key == NULL || made == NULL || !fill(made, officer, now_s, key)) {
        return internal("officer's key");
    }
    PS_TRY(put_certificate(made, certificate));
    return take_scalar(key, ret_key);
}
