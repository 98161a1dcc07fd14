#ifndef TESTS_UNIT_X509_MAKER_H
#define TESTS_UNIT_X509_MAKER_H

#include "tests/unit/signing.h"

#include "lib/formats/x509/certificate.h"

/* Keys, and certificates that they sign, as the keeper makes them; each to be cleared. */

#define MAKER_NOW_S UINT64_C(1790000000) /* 2026-09-21 */
#define MAKER_DAY_S UINT64_C(86400)

struct maker_key {
    EVP_PKEY *pkey;
    enum ps_alg algorithm;
    struct ps_buf spki;
};

static inline PS_UNUSED void maker_key_make(enum ps_alg algorithm, struct maker_key *key)
{
    uint8_t *der = NULL;
    int len;

    key->algorithm = algorithm;
    key->pkey = signing_make_key(signing_type_for(algorithm));
    len = i2d_PUBKEY(key->pkey, &der);
    ps_buf_init(&key->spki, 1024);
    ps_buf_put(&key->spki, ps_bytes(der, (size_t)len));
    OPENSSL_free(der);
}

static inline PS_UNUSED void maker_key_clear(struct maker_key *key)
{
    EVP_PKEY_free(key->pkey);
    ps_buf_clear(&key->spki);
}

/* Certificate, CRL or CSR of what is to be signed. */
static inline PS_UNUSED void maker_sign(const struct maker_key *key, const struct ps_buf *tbs,
                                        struct ps_buf *out)
{
    struct ps_buf signature;

    signing_sign(key->pkey, key->algorithm, ps_buf_bytes(tbs), &signature);
    assert_ok(x509_put_signed(ps_buf_bytes(tbs), key->algorithm, ps_buf_bytes(&signature), out));
    ps_buf_clear(&signature);
}

static inline PS_UNUSED enum ps_err maker_issue(const struct x509_wish *wish,
                                                const struct maker_key *issuer, struct ps_buf *out)
{
    PS_BUF_AUTO tbs;

    ps_buf_init(&tbs, X509_CERTIFICATE_MAX);
    ps_buf_init(out, X509_CERTIFICATE_MAX);
    PS_TRY(x509_put_tbs(wish, &tbs));
    maker_sign(issuer, &tbs, out);
    return PS_OK;
}

static const struct x509_subject maker_root_subject = {
    .values = {[X509_COUNTRY] = {(const uint8_t *)"MA", 2},
               [X509_ORGANIZATION] = {(const uint8_t *)"Example", 7},
               [X509_COMMON_NAME] = {(const uint8_t *)"Example Root", 12}}};
static const struct x509_subject maker_subject = {
    .values = {[X509_COMMON_NAME] = {(const uint8_t *)"api.example.org", 15}}};
static const struct x509_sans maker_sans = {
    .items = {{X509_SAN_DNS, {(const uint8_t *)"api.example.org", 15}}}, .count = 1};
static const uint8_t maker_serial[X509_SERIAL_LEN] = {0x8f, 1, 2, 3, 4, 5, 6, 7, 8};

/* Ten years of a CA from yesterday; what differs is set afterwards. */
static inline PS_UNUSED struct x509_wish maker_root(const struct maker_key *key)
{
    return (struct x509_wish){
        .kind = X509_KIND_ROOT,
        .subject = &maker_root_subject,
        .spki = ps_buf_bytes(&key->spki),
        .algorithm = key->algorithm,
        .serial = ps_bytes(maker_serial, sizeof maker_serial),
        .not_before_s = MAKER_NOW_S - MAKER_DAY_S,
        .not_after_s = MAKER_NOW_S + 3650 * MAKER_DAY_S,
        .path_len = -1,
    };
}

/* A TLS server's, for 90 days. */
static inline PS_UNUSED struct x509_wish maker_server(const struct maker_key *key,
                                                      const struct maker_key *issuer,
                                                      const struct ps_buf *issuer_der)
{
    return (struct x509_wish){
        .kind = X509_KIND_TLS_SERVER,
        .subject = &maker_subject,
        .sans = &maker_sans,
        .spki = ps_buf_bytes(&key->spki),
        .issuer = ps_buf_bytes(issuer_der),
        .algorithm = issuer->algorithm,
        .serial = ps_bytes(maker_serial, sizeof maker_serial),
        .not_before_s = MAKER_NOW_S,
        .not_after_s = MAKER_NOW_S + 90 * MAKER_DAY_S,
        .path_len = -1,
    };
}

#endif
