#include "lib/http/tls_session.h"

#include <string.h>

/* Longest chain a client may send. */
#define CHAIN_MAX 8u

/* Of a client's key: some milliseconds at most. */
#define RSA_BITS_MAX     8192u
#define RSA_EXPONENT_MAX 4u /* octets */

struct chain {
    gnutls_x509_crt_t certificates[CHAIN_MAX];
    unsigned count;
};

static void chain_clear(struct chain *chain)
{
    for (unsigned i = 0; i < chain->count; i++) {
        gnutls_x509_crt_deinit(chain->certificates[i]);
    }
}

static bool read_chain(gnutls_session_t session, struct chain *chain)
{
    unsigned count = 0;
    const gnutls_datum_t *ders;

    if (gnutls_certificate_type_get2(session, GNUTLS_CTYPE_CLIENT) != GNUTLS_CRT_X509) {
        return false;
    }
    ders = gnutls_certificate_get_peers(session, &count);
    if (ders == NULL || count == 0 || count > CHAIN_MAX) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        if (gnutls_x509_crt_init(&chain->certificates[i]) < 0) {
            return false;
        }
        chain->count = i + 1;
        if (gnutls_x509_crt_import(chain->certificates[i], &ders[i], GNUTLS_X509_FMT_DER) < 0) {
            return false;
        }
    }
    return true;
}

/* SHA-256 of the SubjectPublicKeyInfo. */
static bool spki_hash(gnutls_x509_crt_t certificate, uint8_t out[PS_SHA256_LEN])
{
    size_t len = PS_SHA256_LEN;

    return gnutls_x509_crt_get_key_id(certificate, GNUTLS_KEYID_USE_SHA256, out, &len) >= 0 &&
           len == PS_SHA256_LEN;
}

/*
 * GnuTLS tells by a callback, without a context, which issuer's key verified which certificate.
 * Names alone do not say that: two authorities may have the same name and different keys.
 */
static _Thread_local struct {
    gnutls_x509_crt_t leaf;
    bool found;
    uint8_t issuer[PS_SHA256_LEN];
} looking_for;

static int on_verified(gnutls_x509_crt_t certificate, gnutls_x509_crt_t issuer,
                       gnutls_x509_crl_t crl, unsigned status)
{
    (void)crl;
    if (status == 0 && issuer != NULL && !looking_for.found &&
        gnutls_x509_crt_equals(certificate, looking_for.leaf) != 0) {
        looking_for.found = spki_hash(issuer, looking_for.issuer);
    }
    return 0;
}

static bool verify_chain(const struct http_tls *tls, struct chain *chain,
                         struct http_caller *caller)
{
    gnutls_typed_vdata_st purpose = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
                                     .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT};
    unsigned status = UINT32_MAX;
    int code;

    looking_for.leaf = chain->certificates[0];
    looking_for.found = false;
    code = gnutls_x509_trust_list_verify_crt2(
        tls_authorities(tls), chain->certificates, chain->count, &purpose, 1,
        GNUTLS_PROFILE_TO_VFLAGS(GNUTLS_PROFILE_MEDIUM), &status, on_verified);
    if (code < 0 || status != 0) {
        return false;
    }
    caller->has_issuer = looking_for.found;
    memcpy(caller->issuer, looking_for.issuer, sizeof caller->issuer);
    return true;
}

static bool is_plain(const uint8_t *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] <= 0x20 || text[i] >= 0x7f) {
            return false;
        }
    }
    return len != 0;
}

/* The first DNS or URI name; one that is too long or not plain ASCII counts as none. */
static void read_san(gnutls_x509_crt_t certificate, struct http_caller *caller)
{
    for (unsigned i = 0;; i++) {
        size_t len = sizeof caller->san;
        const int kind =
            gnutls_x509_crt_get_subject_alt_name(certificate, i, caller->san, &len, NULL);

        if (kind == GNUTLS_SAN_DNSNAME || kind == GNUTLS_SAN_URI) {
            caller->san_len = is_plain(caller->san, len) ? len : 0;
            return;
        }
        if (kind < 0) {
            return;
        }
    }
}

/*
 * What a signature by an RSA key takes to verify grows with the square of the modulus' length times
 * that of the exponent. GnuTLS sets no limit to either, verifies while the process does nothing
 * else, and does so before anyone has looked whose the certificate is.
 */
static bool is_cheap(gnutls_x509_crt_t certificate)
{
    unsigned bits = 0;
    const int algorithm = gnutls_x509_crt_get_pk_algorithm(certificate, &bits);
    gnutls_datum_t modulus = {.data = NULL};
    gnutls_datum_t exponent = {.data = NULL};
    size_t zeros = 0;
    bool cheap;

    if (algorithm != GNUTLS_PK_RSA && algorithm != GNUTLS_PK_RSA_PSS) {
        return algorithm >= 0;
    }
    if (bits > RSA_BITS_MAX ||
        gnutls_x509_crt_get_pk_rsa_raw(certificate, &modulus, &exponent) < 0) {
        return false;
    }
    while (zeros < exponent.size && exponent.data[zeros] == 0) {
        zeros++;
    }
    cheap = exponent.size - zeros <= RSA_EXPONENT_MAX;
    gnutls_free(modulus.data);
    gnutls_free(exponent.data);
    return cheap;
}

int tls_check_key(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming,
                  const gnutls_datum_t *message)
{
    unsigned count = 0;
    const gnutls_datum_t *ders = gnutls_certificate_get_peers(session, &count);
    gnutls_x509_crt_t leaf;
    bool cheap;

    (void)type;
    (void)when;
    (void)message;
    if (incoming == 0) { /* our own */
        return 0;
    }
    if (ders == NULL || count == 0 || gnutls_x509_crt_init(&leaf) < 0) {
        return GNUTLS_E_CERTIFICATE_ERROR;
    }
    cheap = gnutls_x509_crt_import(leaf, &ders[0], GNUTLS_X509_FMT_DER) >= 0 && is_cheap(leaf);
    gnutls_x509_crt_deinit(leaf);
    return cheap ? 0 : GNUTLS_E_CERTIFICATE_ERROR;
}

bool tls_verify(const struct http_tls *tls, gnutls_session_t session,
                struct http_caller *ret_caller)
{
    PS_CLEANUP(chain_clear) struct chain chain = {.count = 0};
    struct http_caller caller = {.kind = HTTP_CALLER_TLS};
    time_t ends;

    if (!read_chain(session, &chain) || !verify_chain(tls, &chain, &caller) ||
        !spki_hash(chain.certificates[0], caller.spki)) {
        return false;
    }
    ends = gnutls_x509_crt_get_expiration_time(chain.certificates[0]);
    if (ends <= 0) {
        return false;
    }
    read_san(chain.certificates[0], &caller);
    caller.not_after_s = (uint64_t)ends;
    *ret_caller = caller;
    return true;
}
