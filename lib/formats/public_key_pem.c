#include "lib/formats/public_key.h"

#include "lib/base/encode.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdlib.h>

#define PEM_MAX     8192u
#define DER_KEY_MAX 1024u

static const char pem_head[] = "-----BEGIN PUBLIC KEY-----";
static const char pem_foot[] = "-----END PUBLIC KEY-----";

static void x509_free_cleanup(X509 **certificate)
{
    X509_free(*certificate);
}

static bool is_space(uint8_t c)
{
    return c == '\n' || c == '\r' || c == ' ' || c == '\t';
}

static struct ps_bytes trim(struct ps_bytes text)
{
    while (text.len != 0 && is_space(text.data[0])) {
        text = ps_bytes_from(text, 1);
    }
    while (text.len != 0 && is_space(text.data[text.len - 1])) {
        text.len--;
    }
    return text;
}

/* RFC 7468: one text with the label PUBLIC KEY, white space around and inside its lines. */
enum ps_err public_key_from_pem(struct ps_bytes pem, struct public_key **ret_key)
{
    const struct ps_bytes head = ps_bytes_str(pem_head);
    const struct ps_bytes foot = ps_bytes_str(pem_foot);
    const struct ps_bytes text = trim(pem);
    PS_BUF_AUTO base64;
    PS_BUF_AUTO der;

    ps_buf_init(&base64, PEM_MAX);
    ps_buf_init(&der, PEM_MAX);
    if (text.len > PEM_MAX || text.len < head.len + foot.len || !ps_bytes_starts_with(text, head) ||
        !ps_bytes_equal(ps_bytes_from(text, text.len - foot.len), foot)) {
        return ps_fail(PS_E_INPUT, 0, "not one PEM text with the label PUBLIC KEY");
    }
    for (size_t i = head.len; i < text.len - foot.len; i++) {
        if (!is_space(text.data[i])) {
            ps_buf_put_u8(&base64, text.data[i]);
        }
    }
    PS_TRY(ps_buf_status(&base64));
    PS_TRY(ps_base64_decode(ps_buf_bytes(&base64), &der));
    return public_key_from_spki(ps_buf_bytes(&der), ret_key);
}

void public_key_put_pem(const struct public_key *key, struct ps_buf *out)
{
    struct ps_bytes der = public_key_spki(key);

    ps_buf_put_str(out, pem_head);
    ps_buf_put_u8(out, '\n');
    while (der.len != 0) {
        /* 48 octets make a line of 64 characters, RFC 7468 section 2. */
        const size_t line = der.len < 48 ? der.len : 48;

        ps_buf_put_base64(out, ps_bytes(der.data, line));
        ps_buf_put_u8(out, '\n');
        der = ps_bytes_from(der, line);
    }
    ps_buf_put_str(out, pem_foot);
    ps_buf_put_u8(out, '\n');
}

enum ps_err public_key_from_certificate(struct ps_bytes der, struct public_key **ret_key)
{
    PS_CLEANUP(x509_free_cleanup) X509 *certificate = NULL;
    const uint8_t *at = der.data;
    uint8_t spki[DER_KEY_MAX];
    uint8_t *to = spki;
    int len;

    if (der.len == 0 || der.len > 1024 * 1024) {
        return ps_fail(PS_E_INPUT, 0, "not a certificate");
    }
    certificate = d2i_X509(NULL, &at, (long)der.len);
    ERR_clear_error();
    if (certificate == NULL || at != der.data + der.len) {
        return ps_fail(PS_E_INPUT, 0, "not one DER certificate");
    }
    len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), NULL);
    if (len <= 0 || len > (int)sizeof spki) {
        return ps_fail(PS_E_INPUT, 0, "a certificate with a key we do not take");
    }
    len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &to);
    return public_key_from_spki(ps_bytes(spki, (size_t)len), ret_key);
}
