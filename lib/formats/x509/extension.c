#include "lib/formats/x509/internal.h"

#include "lib/base/clock.h"

/* RFC 5280 section 4.2.1.12, RFC 9336: 1.3.6.1.5.5.7.3 (id-kp) and a number. */
#define ID_KP 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03
static const uint8_t purpose_oids[X509_PURPOSE_COUNT][8] = {
    [X509_SERVER_AUTH] = {ID_KP, 1},
    [X509_CLIENT_AUTH] = {ID_KP, 2},
    [X509_DOCUMENT_SIGNING] = {ID_KP, 36},
    [X509_EMAIL_PROTECTION] = {ID_KP, 4},
};

struct ps_bytes x509_purpose_oid(enum x509_purpose purpose)
{
    return ps_bytes(purpose_oids[purpose], sizeof purpose_oids[purpose]);
}

size_t extension_begin(enum extension extension, bool is_critical, struct ps_buf *out,
                       size_t *ret_value)
{
    const uint8_t oid[] = {0x55, 0x1d, (uint8_t)extension};
    static const uint8_t is_true = 0xff;
    const size_t start = der_begin(out);

    der_put(out, DER_OID, ps_bytes(oid, sizeof oid));
    if (is_critical) {
        der_put(out, DER_BOOLEAN, ps_bytes(&is_true, 1));
    }
    *ret_value = der_begin(out);
    return start;
}

void extension_end(size_t start, size_t value, struct ps_buf *out)
{
    der_end(out, DER_OCTET_STRING, value);
    der_end(out, DER_SEQUENCE, start);
}

/* X.690 section 11.2.2: a list of named bits has no zero bits at its end. */
void extension_put_key_usage(uint16_t bits, struct ps_buf *out)
{
    size_t value;
    const size_t start = extension_begin(EXTENSION_KEY_USAGE, true, out, &value);
    uint8_t content[2] = {7, 0}; /* unused bits; bit 0 is the highest */

    for (unsigned i = 0; i < 8; i++) {
        if ((bits & 1u << i) != 0) {
            content[1] = (uint8_t)(content[1] | 0x80u >> i);
            content[0] = (uint8_t)(7 - i);
        }
    }
    der_put(out, DER_BIT_STRING, ps_bytes(content, sizeof content));
    extension_end(start, value, out);
}

void extension_put_purposes(unsigned purposes, struct ps_buf *out)
{
    size_t value;
    const size_t start = extension_begin(EXTENSION_EXTENDED_KEY_USAGE, false, out, &value);
    const size_t list = der_begin(out);

    for (unsigned i = 0; i < X509_PURPOSE_COUNT; i++) {
        if ((purposes & X509_PURPOSE_BIT(i)) != 0) {
            der_put(out, DER_OID, x509_purpose_oid((enum x509_purpose)i));
        }
    }
    der_end(out, DER_SEQUENCE, list);
    extension_end(start, value, out);
}

void extension_put_basic_constraints(bool is_ca, int path_len, struct ps_buf *out)
{
    size_t value;
    const size_t start = extension_begin(EXTENSION_BASIC_CONSTRAINTS, true, out, &value);
    const size_t inside = der_begin(out);
    static const uint8_t is_true = 0xff;
    const uint8_t length = (uint8_t)path_len;

    if (is_ca) {
        der_put(out, DER_BOOLEAN, ps_bytes(&is_true, 1));
    }
    if (is_ca && path_len >= 0) {
        der_put_positive(out, ps_bytes(&length, 1));
    }
    der_end(out, DER_SEQUENCE, inside);
    extension_end(start, value, out);
}

void extension_put_subject_key_id(struct ps_bytes id, struct ps_buf *out)
{
    size_t value;
    const size_t start = extension_begin(EXTENSION_SUBJECT_KEY_ID, false, out, &value);

    der_put(out, DER_OCTET_STRING, id);
    extension_end(start, value, out);
}

void extension_put_authority_key_id(struct ps_bytes id, struct ps_buf *out)
{
    size_t value;
    const size_t start = extension_begin(EXTENSION_AUTHORITY_KEY_ID, false, out, &value);
    const size_t inside = der_begin(out);

    der_put(out, DER_CONTEXT(0), id);
    der_end(out, DER_SEQUENCE, inside);
    extension_end(start, value, out);
}

void extension_put_sans(const struct x509_sans *sans, bool is_critical, struct ps_buf *out)
{
    size_t value;
    const size_t start = extension_begin(EXTENSION_SAN, is_critical, out, &value);
    const size_t names = der_begin(out);

    x509_put_general_names(sans, out);
    der_end(out, DER_SEQUENCE, names);
    extension_end(start, value, out);
}

/* One DistributionPoint with one name, its fullName a URI: RFC 5280 section 4.2.1.13. */
void extension_put_crl_point(struct ps_bytes url, struct ps_buf *out)
{
    size_t value;
    const size_t start = extension_begin(EXTENSION_CRL_POINTS, false, out, &value);
    const size_t points = der_begin(out);
    const size_t point = der_begin(out);
    const size_t name = der_begin(out);
    const size_t full = der_begin(out);

    der_put(out, DER_CONTEXT(6), url);
    der_end(out, DER_CONTEXT_SET(0), full);
    der_end(out, DER_CONTEXT_SET(0), name);
    der_end(out, DER_SEQUENCE, point);
    der_end(out, DER_SEQUENCE, points);
    extension_end(start, value, out);
}

enum ps_err x509_key_id(struct ps_bytes spki, uint8_t out[KEY_ID_LEN])
{
    struct ps_reader reader = ps_reader(spki);
    struct ps_bytes inside;
    uint8_t hash[PS_SHA256_LEN];

    PS_TRY(der_take(&reader, DER_SEQUENCE, &inside));
    reader = ps_reader(inside);
    PS_TRY(der_take(&reader, DER_SEQUENCE, &inside));
    PS_TRY(der_take(&reader, DER_BIT_STRING, &inside));
    ps_sha256(ps_bytes_from(inside, 1), hash);
    memcpy(out, hash, KEY_ID_LEN);
    return PS_OK;
}

void x509_put_time(uint64_t seconds, struct ps_buf *out)
{
    char text[PS_TIME_MAX];
    char digits[15];
    size_t len = 0;
    const size_t whole = ps_time_format(seconds * PS_NS_PER_S, 0, text);
    const bool is_utc = memcmp(text, "2050", 4) < 0;

    for (size_t i = is_utc ? 2 : 0; i < whole && len < sizeof digits; i++) {
        if (ps_is_digit((uint8_t)text[i]) || text[i] == 'Z') {
            digits[len++] = text[i];
        }
    }
    der_put(out, is_utc ? DER_UTC_TIME : DER_GENERALIZED_TIME, ps_bytes(digits, len));
}
