#include "lib/formats/public_key/public_key.h"

#include "lib/formats/pem.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdlib.h>

#define LABEL       "PUBLIC KEY"
#define PEM_MAX     8192u
#define DER_KEY_MAX 1024u

static void x509_free_cleanup(X509 **certificate)
{
    X509_free(*certificate);
}

/* RFC 7468: one text with this label, white space around and inside its lines. */
enum ps_err public_key_from_pem(struct ps_bytes pem, struct public_key **ret_key)
{
    struct ps_bytes text = pem;
    PS_BUF_AUTO der;
    PS_BUF_AUTO more;

    ps_buf_init(&der, PEM_MAX);
    ps_buf_init(&more, PEM_MAX);
    if (pem.len > PEM_MAX || pem_take(&text, LABEL, &der) != PS_OK ||
        pem_take(&text, LABEL, &more) != PS_E_NOT_FOUND) {
        return ps_fail(PS_E_INPUT, 0, "not one PEM text with the label " LABEL);
    }
    return public_key_from_spki(ps_buf_bytes(&der), ret_key);
}

void public_key_put_pem(const struct public_key *key, struct ps_buf *out)
{
    pem_put(LABEL, public_key_spki(key), out);
}

static enum ps_err read_certificate(struct ps_bytes der, X509 **ret_certificate)
{
    const uint8_t *at = der.data;
    X509 *certificate;

    if (der.len == 0 || der.len > 1024 * 1024) {
        return ps_fail(PS_E_INPUT, 0, "not a certificate");
    }
    certificate = d2i_X509(NULL, &at, (long)der.len);
    ERR_clear_error();
    if (certificate == NULL || at != der.data + der.len) {
        X509_free(certificate);
        return ps_fail(PS_E_INPUT, 0, "not one DER certificate");
    }
    *ret_certificate = certificate;
    return PS_OK;
}

static enum ps_err key_of(X509 *certificate, struct public_key **ret_key)
{
    uint8_t spki[DER_KEY_MAX];
    uint8_t *to = spki;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), NULL);

    if (len <= 0 || len > (int)sizeof spki) {
        return ps_fail(PS_E_INPUT, 0, "a certificate with a key we do not take");
    }
    len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &to);
    return public_key_from_spki(ps_bytes(spki, (size_t)len), ret_key);
}

enum ps_err public_key_from_certificate(struct ps_bytes der, struct public_key **ret_key)
{
    PS_CLEANUP(x509_free_cleanup) X509 *certificate = NULL;

    PS_TRY(read_certificate(der, &certificate));
    return key_of(certificate, ret_key);
}

enum ps_err public_key_from_current_certificate(struct ps_bytes der, uint64_t now_s,
                                                struct public_key **ret_key)
{
    PS_CLEANUP(x509_free_cleanup) X509 *certificate = NULL;
    time_t now = (time_t)now_s;

    PS_TRY(read_certificate(der, &certificate));
    /* Both yield 0 on a date that cannot be read. */
    if (X509_cmp_time(X509_get0_notBefore(certificate), &now) >= 0) {
        return ps_fail(PS_E_STATE, 0, "the certificate is not valid yet");
    }
    if (X509_cmp_time(X509_get0_notAfter(certificate), &now) <= 0) {
        return ps_fail(PS_E_STATE, 0, "the certificate has expired");
    }
    return key_of(certificate, ret_key);
}
