#include "lib/formats/x509/internal.h"

#include "lib/base/encode.h"
#include "lib/formats/public_key/public_key.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#define TEXT_MAX 4096u
#define SPKI_MAX 1024u

static void bio_cleanup(BIO **bio)
{
    BIO_free(*bio);
}

static enum ps_err not_ours(const char *what)
{
    ERR_clear_error();
    return ps_fail(PS_E_INPUT, 0, "certificate: %s", what);
}

/* RFC 4514, with UTF-8 as it is. */
static enum ps_err put_name_text(const X509_NAME *name, struct ps_buf *out)
{
    PS_CLEANUP(bio_cleanup) BIO *bio = BIO_new(BIO_s_mem());
    const unsigned long flags = XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
    char *text;
    long len;

    if (bio == NULL || X509_NAME_print_ex(bio, name, 0, flags) < 0) {
        return not_ours("a name that cannot be written");
    }
    len = BIO_get_mem_data(bio, &text);
    if (!ps_utf8_valid(ps_bytes(text, (size_t)len))) {
        return not_ours("a name that is not UTF-8");
    }
    ps_buf_put(out, ps_bytes(text, (size_t)len));
    return ps_buf_status(out);
}

static enum ps_err put_der(int (*write)(const void *object, uint8_t **to), const void *object,
                           struct ps_buf *out)
{
    const int len = write(object, NULL);
    uint8_t *to = len <= 0 ? NULL : ps_buf_reserve(out, (size_t)len);

    if (to == NULL || write(object, &to) != len) {
        return not_ours("a part that is too long");
    }
    ps_buf_commit(out, (size_t)len);
    return PS_OK;
}

static int write_name(const void *object, uint8_t **to)
{
    return i2d_X509_NAME(object, to);
}

static int write_spki(const void *object, uint8_t **to)
{
    return i2d_X509_PUBKEY(object, to);
}

static int write_algorithm(const void *object, uint8_t **to)
{
    return i2d_X509_ALGOR(object, to);
}

/*
 * OpenSSL reads other encodings than DER, too: what is around the TBSCertificate, which is kept as
 * it came, has one form here, so that one certificate has one hash.
 */
static bool is_der(X509 *x509, struct ps_bytes der)
{
    uint8_t *again = NULL;
    const int len = i2d_X509(x509, &again);
    const bool is_same = len > 0 && ps_bytes_equal(ps_bytes(again, (size_t)len), der);

    OPENSSL_free(again);
    return is_same;
}

static enum ps_err take_serial(struct x509_certificate *certificate)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate->x509);
    const struct ps_bytes octets = der_without_zeros(
        ps_bytes(ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial)));

    /* RFC 5280 section 4.1.2.2: positive, and not longer than 20 octets. */
    if (ASN1_STRING_type(serial) != V_ASN1_INTEGER || octets.len == 0 ||
        octets.len > X509_SERIAL_MAX ||
        (octets.len == X509_SERIAL_MAX && (octets.data[0] & 0x80) != 0)) {
        return not_ours("a serial that is not positive or over 20 octets");
    }
    ps_buf_put(&certificate->serial, octets);
    return ps_buf_status(&certificate->serial);
}

static enum ps_err take_key(struct x509_certificate *certificate)
{
    PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;
    const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(certificate->x509);
    uint8_t own[KEY_ID_LEN];

    PS_TRY(put_der(write_spki, X509_get_X509_PUBKEY(certificate->x509), &certificate->spki));
    PS_TRY(public_key_from_spki(ps_buf_bytes(&certificate->spki), &key));
    certificate->key_type = public_key_type(key);
    if (id != NULL && ASN1_STRING_length(id) > 0 && ASN1_STRING_length(id) <= 64) {
        ps_buf_put(&certificate->key_id,
                   ps_bytes(ASN1_STRING_get0_data(id), (size_t)ASN1_STRING_length(id)));
    } else {
        PS_TRY(x509_key_id(ps_buf_bytes(&certificate->spki), own));
        ps_buf_put(&certificate->key_id, ps_bytes(own, sizeof own));
    }
    return ps_buf_status(&certificate->key_id);
}

static enum ps_err take_algorithm(struct x509_certificate *certificate)
{
    const X509_ALGOR *outer = NULL;
    const ASN1_BIT_STRING *bits = NULL;
    PS_BUF_AUTO identifier;

    ps_buf_init(&identifier, 256);
    X509_get0_signature(&bits, &outer, certificate->x509);
    /* RFC 5280 section 4.1.1.2: the same inside and outside of what is signed. */
    if (X509_ALGOR_cmp(outer, X509_get0_tbs_sigalg(certificate->x509)) != 0) {
        return not_ours("two different signature algorithms");
    }
    PS_TRY(put_der(write_algorithm, outer, &identifier));
    certificate->facts.algorithm = x509_algorithm(ps_buf_bytes(&identifier), PS_KEY_NONE);
    return certificate->facts.algorithm != PS_ALG_NONE
               ? PS_OK
               : not_ours("its signature is of an algorithm that we do not take");
}

static enum ps_err take_all(struct x509_certificate *certificate)
{
    X509 *x509 = certificate->x509;
    struct x509_facts *facts = &certificate->facts;

    if (X509_get_version(x509) != X509_VERSION_3) {
        return not_ours("not of version 3");
    }
    PS_TRY(take_serial(certificate));
    PS_TRY(take_algorithm(certificate));
    PS_TRY(take_key(certificate));
    PS_TRY(put_name_text(X509_get_subject_name(x509), &certificate->subject));
    PS_TRY(put_name_text(X509_get_issuer_name(x509), &certificate->issuer));
    PS_TRY(put_der(write_name, X509_get_subject_name(x509), &certificate->name));
    PS_TRY(x509_take_facts(x509, facts));
    facts->der = ps_buf_bytes(&certificate->der);
    facts->spki = ps_buf_bytes(&certificate->spki);
    facts->serial = ps_buf_bytes(&certificate->serial);
    facts->subject = ps_buf_bytes(&certificate->subject);
    facts->issuer = ps_buf_bytes(&certificate->issuer);
    ps_sha256(facts->der, facts->sha256);
    return PS_OK;
}

enum ps_err x509_read(struct ps_bytes der, struct x509_certificate **ret_certificate)
{
    PS_CLEANUP(x509_certificate_free_cleanup)
    struct x509_certificate *certificate = calloc(1, sizeof *certificate);
    const uint8_t *at = der.data;

    if (certificate == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    ps_buf_init(&certificate->der, X509_CERTIFICATE_MAX);
    ps_buf_init(&certificate->subject, TEXT_MAX);
    ps_buf_init(&certificate->issuer, TEXT_MAX);
    ps_buf_init(&certificate->name, TEXT_MAX);
    ps_buf_init(&certificate->spki, SPKI_MAX);
    ps_buf_init(&certificate->serial, X509_SERIAL_MAX);
    ps_buf_init(&certificate->key_id, 64);
    if (der.len == 0 || der.len > X509_CERTIFICATE_MAX) {
        return not_ours("empty, or over 16 KiB");
    }
    certificate->x509 = d2i_X509(NULL, &at, (long)der.len);
    if (certificate->x509 == NULL || at != der.data + der.len || !is_der(certificate->x509, der)) {
        return not_ours("not one DER certificate");
    }
    ps_buf_put(&certificate->der, der);
    PS_TRY(ps_buf_status(&certificate->der));
    PS_TRY(take_all(certificate));
    ERR_clear_error();
    *ret_certificate = certificate;
    certificate = NULL;
    return PS_OK;
}

void x509_certificate_free(struct x509_certificate *certificate)
{
    if (certificate == NULL) {
        return;
    }
    X509_free(certificate->x509);
    ps_buf_clear(&certificate->der);
    ps_buf_clear(&certificate->subject);
    ps_buf_clear(&certificate->issuer);
    ps_buf_clear(&certificate->name);
    ps_buf_clear(&certificate->spki);
    ps_buf_clear(&certificate->serial);
    ps_buf_clear(&certificate->key_id);
    free(certificate);
}

const struct x509_facts *x509_facts(const struct x509_certificate *certificate)
{
    return &certificate->facts;
}
