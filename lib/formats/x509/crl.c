#include "lib/formats/x509/crl.h"

#include "lib/formats/x509/internal.h"

static const struct {
    enum x509_reason reason;
    const char *name;
} reasons[] = {
    {X509_REASON_UNSPECIFIED, "unspecified"},
    {X509_REASON_KEY_COMPROMISE, "key-compromise"},
    {X509_REASON_CA_COMPROMISE, "ca-compromise"},
    {X509_REASON_AFFILIATION_CHANGED, "affiliation-changed"},
    {X509_REASON_SUPERSEDED, "superseded"},
    {X509_REASON_CESSATION, "cessation-of-operation"},
    {X509_REASON_PRIVILEGE_WITHDRAWN, "privilege-withdrawn"},
};

const char *x509_reason_name(enum x509_reason reason)
{
    for (size_t i = 0; i < PS_COUNT_OF(reasons); i++) {
        if (reasons[i].reason == reason) {
            return reasons[i].name;
        }
    }
    return NULL;
}

bool x509_reason_by_name(struct ps_bytes name, enum x509_reason *ret_reason)
{
    for (size_t i = 0; i < PS_COUNT_OF(reasons); i++) {
        if (ps_bytes_equal_str(name, reasons[i].name)) {
            *ret_reason = reasons[i].reason;
            return true;
        }
    }
    return false;
}

/* RFC 5280 section 5.3.1: the reason "unspecified" is said by leaving it out. */
static void put_reason(enum x509_reason reason, struct ps_buf *out)
{
    const uint8_t number = (uint8_t)reason;
    const size_t list = der_begin(out);
    size_t value;
    const size_t start = extension_begin(EXTENSION_REASON, false, out, &value);

    der_put(out, DER_ENUMERATED, ps_bytes(&number, 1));
    extension_end(start, value, out);
    der_end(out, DER_SEQUENCE, list);
}

static void put_revoked(const struct x509_revoked *revoked, struct ps_buf *out)
{
    const size_t start = der_begin(out);

    der_put_positive(out, revoked->serial);
    x509_put_time(revoked->revoked_s, out);
    if (revoked->reason != X509_REASON_UNSPECIFIED) {
        put_reason(revoked->reason, out);
    }
    der_end(out, DER_SEQUENCE, start);
}

static void put_extensions(const struct x509_crl *crl, struct ps_bytes key_id, struct ps_buf *out)
{
    uint8_t number[8];
    const size_t outer = der_begin(out);
    const size_t list = der_begin(out);
    size_t value;
    size_t start;

    for (size_t i = 0; i < sizeof number; i++) {
        number[i] = (uint8_t)(crl->number >> (8 * (sizeof number - 1 - i)));
    }
    extension_put_authority_key_id(key_id, out);
    start = extension_begin(EXTENSION_CRL_NUMBER, false, out, &value);
    der_put_positive(out, ps_bytes(number, sizeof number));
    extension_end(start, value, out);
    der_end(out, DER_SEQUENCE, list);
    der_end(out, DER_CONTEXT_SET(0), outer);
}

static enum ps_err check(const struct x509_crl *crl, const struct x509_certificate *issuer)
{
    const struct x509_facts *facts = &issuer->facts;

    if (!facts->is_ca || (facts->has_key_usage && (facts->key_usage & X509_CRL_SIGN) == 0)) {
        return ps_fail(PS_E_STATE, 0, "the issuer's certificate is not one that signs CRLs");
    }
    if (!ps_alg_fits(crl->algorithm, issuer->key_type)) {
        return ps_fail(PS_E_STATE, 0, "the issuer's certificate is for a key of another type");
    }
    if (crl->next_update_s <= crl->this_update_s) {
        return ps_fail(PS_E_INPUT, 0, "the next update is not after this one");
    }
    for (size_t i = 0; i < crl->count; i++) {
        const struct ps_bytes serial = crl->revoked[i].serial;

        if (serial.len == 0 || serial.len > X509_SERIAL_MAX || serial.data[0] == 0 ||
            x509_reason_name(crl->revoked[i].reason) == NULL) {
            return ps_fail(PS_E_INPUT, 0, "a serial or a reason that no certificate has");
        }
    }
    return PS_OK;
}

enum ps_err x509_put_crl_tbs(const struct x509_crl *crl, struct ps_buf *out)
{
    static const uint8_t version_2 = 1;
    PS_CLEANUP(x509_certificate_free_cleanup) struct x509_certificate *issuer = NULL;
    const size_t start = der_begin(out);
    size_t list;

    PS_TRY(x509_read(crl->issuer, &issuer));
    PS_TRY(check(crl, issuer));
    der_put_positive(out, ps_bytes(&version_2, 1));
    x509_put_algorithm(crl->algorithm, out);
    ps_buf_put(out, ps_buf_bytes(&issuer->name));
    x509_put_time(crl->this_update_s, out);
    x509_put_time(crl->next_update_s, out);
    list = der_begin(out);
    for (size_t i = 0; i < crl->count; i++) {
        put_revoked(&crl->revoked[i], out);
    }
    if (crl->count != 0) { /* RFC 5280 section 5.1.2.6: absent when there are none. */
        der_end(out, DER_SEQUENCE, list);
    }
    put_extensions(crl, ps_buf_bytes(&issuer->key_id), out);
    der_end(out, DER_SEQUENCE, start);
    return ps_buf_status(out);
}
