#include "lib/formats/x509/internal.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <time.h>

static void purposes_cleanup(EXTENDED_KEY_USAGE **purposes)
{
    EXTENDED_KEY_USAGE_free(*purposes);
}

static void bits_cleanup(ASN1_BIT_STRING **bits)
{
    ASN1_BIT_STRING_free(*bits);
}

static enum ps_err bad(const char *what)
{
    ERR_clear_error();
    return ps_fail(PS_E_INPUT, 0, "certificate: %s", what);
}

static enum ps_err take_time(const ASN1_TIME *time, uint64_t *ret_s)
{
    struct tm parts;
    time_t seconds;

    if (ASN1_TIME_to_tm(time, &parts) != 1) {
        return bad("a date that is none");
    }
    seconds = timegm(&parts);
    if (seconds < 0) {
        return bad("a date before 1970");
    }
    *ret_s = (uint64_t)seconds;
    return PS_OK;
}

/* RFC 5280 section 4.2: no extension more than once. */
static enum ps_err check_extensions(const X509 *x509)
{
    for (int i = 0; i < X509_get_ext_count(x509); i++) {
        const ASN1_OBJECT *object = X509_EXTENSION_get_object(X509_get_ext(x509, i));

        if (X509_get_ext_by_OBJ(x509, object, i) >= 0) {
            return bad("an extension twice");
        }
    }
    return PS_OK;
}

static enum ps_err take_key_usage(const X509 *x509, struct x509_facts *facts)
{
    int critical = -1;
    PS_CLEANUP(bits_cleanup)
    ASN1_BIT_STRING *bits = X509_get_ext_d2i(x509, NID_key_usage, &critical, NULL);

    if (bits == NULL && critical != -1) {
        return bad("a key usage that cannot be read");
    }
    facts->has_key_usage = bits != NULL;
    for (int i = 0; bits != NULL && i < 9; i++) {
        facts->key_usage =
            (uint16_t)(facts->key_usage | (ASN1_BIT_STRING_get_bit(bits, i) != 0 ? 1u << i : 0));
    }
    return PS_OK;
}

/*
 * What others write for the same, and we only read: anyExtendedKeyUsage (RFC 5280 section
 * 4.2.1.12), and document signing before RFC 9336 had a number for it, as Microsoft and Adobe have
 * it.
 */
static const struct {
    uint8_t len;
    uint8_t oid[10];
    unsigned purposes;
} others[] = {
    {4, {0x55, 0x1d, 0x25, 0x00}, X509_PURPOSE_BIT(X509_PURPOSE_COUNT) - 1},
    {10,
     {0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x0a, 0x03, 0x0c},
     X509_PURPOSE_BIT(X509_DOCUMENT_SIGNING)},
    {9,
     {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x2f, 0x01, 0x01, 0x05},
     X509_PURPOSE_BIT(X509_DOCUMENT_SIGNING)},
};

static unsigned purpose_of(const ASN1_OBJECT *object)
{
    const struct ps_bytes oid = ps_bytes(OBJ_get0_data(object), OBJ_length(object));

    for (unsigned i = 0; i < X509_PURPOSE_COUNT; i++) {
        if (ps_bytes_equal(oid, x509_purpose_oid((enum x509_purpose)i))) {
            return X509_PURPOSE_BIT(i);
        }
    }
    for (size_t i = 0; i < PS_COUNT_OF(others); i++) {
        if (ps_bytes_equal(oid, ps_bytes(others[i].oid, others[i].len))) {
            return others[i].purposes;
        }
    }
    return 0;
}

static enum ps_err take_purposes(const X509 *x509, struct x509_facts *facts)
{
    int critical = -1;
    PS_CLEANUP(purposes_cleanup)
    EXTENDED_KEY_USAGE *list = X509_get_ext_d2i(x509, NID_ext_key_usage, &critical, NULL);

    if (list == NULL && critical != -1) {
        return bad("an extended key usage that cannot be read");
    }
    facts->has_purposes = list != NULL;
    for (int i = 0; list != NULL && i < sk_ASN1_OBJECT_num(list); i++) {
        facts->purposes |= purpose_of(sk_ASN1_OBJECT_value(list, i));
    }
    return PS_OK;
}

enum ps_err x509_take_facts(X509 *x509, struct x509_facts *facts)
{
    const uint32_t flags = X509_get_extension_flags(x509);
    const long path_len = X509_get_pathlen(x509);

    PS_TRY(check_extensions(x509));
    if ((flags & EXFLAG_INVALID) != 0) {
        return bad("an extension that cannot be read");
    }
    PS_TRY(take_time(X509_get0_notBefore(x509), &facts->not_before_s));
    PS_TRY(take_time(X509_get0_notAfter(x509), &facts->not_after_s));
    PS_TRY(take_key_usage(x509, facts));
    PS_TRY(take_purposes(x509, facts));
    facts->is_ca = (flags & EXFLAG_CA) != 0;
    facts->is_self_issued = (flags & EXFLAG_SI) != 0;
    facts->path_len = path_len < 0 || path_len > 127 ? -1 : (int)path_len;
    return PS_OK;
}

void x509_put_common_name(const struct x509_certificate *certificate, struct ps_buf *out)
{
    X509_NAME *subject = X509_get_subject_name(certificate->x509);
    const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    uint8_t *text = NULL;
    const int len = at < 0 ? -1
                           : ASN1_STRING_to_UTF8(
                                 &text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));

    if (len > 0) {
        ps_buf_put(out, ps_bytes(text, (size_t)len));
    } else {
        ps_buf_put(out, certificate->facts.subject);
    }
    OPENSSL_free(text);
}
