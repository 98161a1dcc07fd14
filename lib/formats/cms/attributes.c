#include "lib/formats/cms/internal.h"

#include "lib/base/clock.h"

/* RFC 5652 section 11. */
static const uint8_t id_content_type[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03};
static const uint8_t id_message_digest[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04};
static const uint8_t id_signing_time[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x05};
/* RFC 5035 section 3. */
static const uint8_t id_signing_certificate_v2[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
                                                    0x01, 0x09, 0x10, 0x02, 0x2f};

enum ps_hash cms_hash(enum ps_alg algorithm)
{
    const struct ps_alg_info *info = ps_alg_info(algorithm);

    return info == NULL || info->scheme == PS_SCHEME_EDDSA ? PS_SHA512 : info->hash;
}

static void put_content_type(const struct cms_attributes *attributes, struct ps_buf *out)
{
    (void)attributes;
    der_put(out, DER_OID, ps_bytes(cms_id_data, sizeof cms_id_data));
}

static void put_message_digest(const struct cms_attributes *attributes, struct ps_buf *out)
{
    der_put(out, DER_OCTET_STRING, attributes->digest);
}

/*
 * RFC 5652 section 11.3: "Dates between 1 January 1950 and 31 December 2049 (inclusive) MUST be
 * encoded as UTCTime. Any dates with year values before 1950 or after 2049 MUST be encoded as
 * GeneralizedTime." Before 1970 there are none here.
 */
static void put_signing_time(const struct cms_attributes *attributes, struct ps_buf *out)
{
    char text[PS_TIME_MAX];
    const size_t len = ps_time_format(attributes->time_ns, 0, text);
    const bool is_utc = memcmp(text, "2050", 4) < 0;
    const size_t start = der_begin(out);

    for (size_t i = is_utc ? 2 : 0; i < len; i++) {
        if (ps_is_digit((uint8_t)text[i])) {
            ps_buf_put_u8(out, (uint8_t)text[i]);
        }
    }
    ps_buf_put_u8(out, 'Z');
    der_end(out, is_utc ? DER_UTC_TIME : DER_GENERALIZED_TIME, start);
}

/*
 * SigningCertificateV2 { certs { ESSCertIDv2 { certHash } } }: the hash is SHA-256, which is the
 * default and so is not written; the issuer is in the signer's identifier.
 */
static void put_signing_certificate(const struct cms_attributes *attributes, struct ps_buf *out)
{
    const size_t value = der_begin(out);
    const size_t list = der_begin(out);
    const size_t identifier = der_begin(out);

    der_put(out, DER_OCTET_STRING, attributes->leaf_sha256);
    der_end(out, DER_SEQUENCE, identifier);
    der_end(out, DER_SEQUENCE, list);
    der_end(out, DER_SEQUENCE, value);
}

static const struct {
    struct ps_bytes type;
    void (*put)(const struct cms_attributes *attributes, struct ps_buf *out);
} rows[] = {
    {{id_content_type, sizeof id_content_type}, put_content_type},
    {{id_signing_time, sizeof id_signing_time}, put_signing_time},
    {{id_message_digest, sizeof id_message_digest}, put_message_digest},
    {{id_signing_certificate_v2, sizeof id_signing_certificate_v2}, put_signing_certificate},
};

/* Attribute ::= SEQUENCE { attrType, attrValues SET OF }, with one value. */
static void put_attribute(const struct cms_attributes *attributes, size_t row, struct ps_buf *out)
{
    const size_t start = der_begin(out);
    size_t values;

    der_put(out, DER_OID, rows[row].type);
    values = der_begin(out);
    rows[row].put(attributes, out);
    der_end(out, DER_SET, values);
    der_end(out, DER_SEQUENCE, start);
}

enum ps_err cms_put_attributes(const struct cms_attributes *attributes, struct ps_buf *out)
{
    struct ps_bytes elements[PS_COUNT_OF(rows)];
    size_t ends[PS_COUNT_OF(rows) + 1] = {0};
    size_t set;
    PS_BUF_AUTO all = {.max = CMS_ATTRIBUTES_MAX};

    if (attributes->digest.len != ps_hash_len(cms_hash(attributes->algorithm)) ||
        attributes->leaf_sha256.len != PS_SHA256_LEN) {
        return ps_fail(PS_E_INPUT, 0, "a digest is not of its hash's length");
    }
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        put_attribute(attributes, i, &all);
        ends[i + 1] = all.len;
    }
    PS_TRY(ps_buf_status(&all));
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        elements[i] = ps_bytes(all.data + ends[i], ends[i + 1] - ends[i]);
    }
    cms_sort(elements, PS_COUNT_OF(rows));
    set = der_begin(out);
    for (size_t i = 0; i < PS_COUNT_OF(rows); i++) {
        ps_buf_put(out, elements[i]);
    }
    der_end(out, DER_SET, set);
    return ps_buf_status(out);
}
