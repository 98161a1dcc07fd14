#include "lib/formats/cms/internal.h"

#include "lib/formats/x509/certificate.h"

/* RFC 5652 sections 4 and 5.1. */
const uint8_t cms_id_data[9] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01};
static const uint8_t id_signed_data[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02};

/* RFC 5754 section 2. */
static const uint8_t id_sha256[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01};
static const uint8_t id_sha384[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02};
static const uint8_t id_sha512[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03};

/* Section 5.1: 1, with certificates of X.509 and a signer named by issuer and number. */
#define VERSION 1u

#define CERTIFICATES_MAX 16u

#define OCTETS(array) ps_bytes((array), sizeof(array))

void cms_sort(struct ps_bytes *elements, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        const struct ps_bytes element = elements[i];
        size_t to = i;

        for (; to > 0 && ps_bytes_compare(elements[to - 1], element) > 0; to--) {
            elements[to] = elements[to - 1];
        }
        elements[to] = element;
    }
}

static void put_version(struct ps_buf *out)
{
    const uint8_t version = VERSION;

    der_put_positive(out, ps_bytes(&version, 1));
}

/* RFC 5754 section 2: "parameters" "SHOULD be generated" absent. */
static void put_digest_algorithm(enum ps_hash hash, struct ps_buf *out)
{
    const size_t start = der_begin(out);

    if (hash == PS_SHA256) {
        der_put(out, DER_OID, OCTETS(id_sha256));
    } else if (hash == PS_SHA384) {
        der_put(out, DER_OID, OCTETS(id_sha384));
    } else {
        der_put(out, DER_OID, OCTETS(id_sha512));
    }
    der_end(out, DER_SEQUENCE, start);
}

static struct ps_bytes taken(struct ps_bytes before, const struct ps_reader *after)
{
    return ps_bytes(before.data, before.len - after->left.len);
}

static enum ps_err split_chain(struct ps_bytes chain, struct ps_bytes *certificates,
                               size_t *ret_count)
{
    struct ps_reader reader = ps_reader(chain);
    size_t count = 0;

    if (chain.len > CMS_CHAIN_MAX) {
        return ps_fail(PS_E_LIMIT, 0, "the chain has more than %u octets", CMS_CHAIN_MAX);
    }
    while (reader.left.len != 0) {
        const struct ps_bytes before = reader.left;
        struct ps_bytes inside;

        if (count == CERTIFICATES_MAX) {
            return ps_fail(PS_E_LIMIT, 0, "the chain has more than %u certificates",
                           CERTIFICATES_MAX);
        }
        PS_TRY(der_take(&reader, DER_SEQUENCE, &inside));
        certificates[count++] = taken(before, &reader);
    }
    if (count == 0) {
        return ps_fail(PS_E_INPUT, 0, "there is no certificate");
    }
    *ret_count = count;
    return PS_OK;
}

enum ps_err cms_chain_leaf(struct ps_bytes chain, struct ps_bytes *ret_leaf)
{
    struct ps_bytes certificates[CERTIFICATES_MAX];
    size_t count;

    PS_TRY(split_chain(chain, certificates, &count));
    *ret_leaf = certificates[0];
    return PS_OK;
}

/* The issuer's name is as long as the certificate that has it, at most. */
enum ps_err cms_signed_data_max(struct ps_bytes chain, size_t *ret_max)
{
    struct ps_bytes leaf;

    PS_TRY(cms_chain_leaf(chain, &leaf));
    *ret_max = chain.len + leaf.len + CMS_OVERHEAD_MAX;
    return PS_OK;
}

/* IssuerAndSerialNumber, as both stand in the certificate (RFC 5280 section 4.1). */
static enum ps_err put_signer_identifier(struct ps_bytes certificate, struct ps_buf *out)
{
    struct ps_reader reader = ps_reader(certificate);
    struct ps_bytes inside;
    struct ps_bytes before;
    struct ps_bytes serial;
    size_t start;

    PS_TRY(der_take(&reader, DER_SEQUENCE, &inside));
    reader = ps_reader(inside);
    PS_TRY(der_take(&reader, DER_SEQUENCE, &inside));
    reader = ps_reader(inside);
    if (reader.left.len != 0 && reader.left.data[0] == DER_CONTEXT_SET(0)) {
        PS_TRY(der_take(&reader, DER_CONTEXT_SET(0), &inside));
    }
    before = reader.left;
    PS_TRY(der_take(&reader, DER_INTEGER, &inside));
    serial = taken(before, &reader);
    PS_TRY(der_take(&reader, DER_SEQUENCE, &inside));
    before = reader.left;
    PS_TRY(der_take(&reader, DER_SEQUENCE, &inside));
    start = der_begin(out);
    ps_buf_put(out, taken(before, &reader));
    ps_buf_put(out, serial);
    der_end(out, DER_SEQUENCE, start);
    return ps_buf_status(out);
}

/* SignerInfo (section 5.3). The attributes are hashed as a SET OF and sent under [0]. */
static enum ps_err put_signer(const struct cms_signed *parts, struct ps_bytes leaf,
                              struct ps_buf *out)
{
    const size_t start = der_begin(out);

    if (parts->attributes.len == 0 || parts->attributes.data[0] != DER_SET) {
        return ps_fail(PS_E_INPUT, 0, "the signed attributes are no SET");
    }
    put_version(out);
    PS_TRY(put_signer_identifier(leaf, out));
    put_digest_algorithm(cms_hash(parts->algorithm), out);
    ps_buf_put_u8(out, DER_CONTEXT_SET(0));
    ps_buf_put(out, ps_bytes_from(parts->attributes, 1));
    x509_put_algorithm(parts->algorithm, out);
    der_put(out, DER_OCTET_STRING, parts->signature);
    der_end(out, DER_SEQUENCE, start);
    return ps_buf_status(out);
}

static void put_certificates(const struct ps_bytes *certificates, size_t count, struct ps_buf *out)
{
    struct ps_bytes sorted[CERTIFICATES_MAX];
    const size_t start = der_begin(out);

    memcpy(sorted, certificates, count * sizeof *certificates);
    cms_sort(sorted, count);
    for (size_t i = 0; i < count; i++) {
        ps_buf_put(out, sorted[i]);
    }
    der_end(out, DER_CONTEXT_SET(0), start);
}

/* EncapsulatedContentInfo without content (section 5.2): the signature is detached. */
static void put_content(struct ps_buf *out)
{
    const size_t start = der_begin(out);

    der_put(out, DER_OID, OCTETS(cms_id_data));
    der_end(out, DER_SEQUENCE, start);
}

/* SignedData (section 5.1). */
static enum ps_err put_data(const struct cms_signed *parts, struct ps_buf *out)
{
    struct ps_bytes certificates[CERTIFICATES_MAX];
    const size_t start = der_begin(out);
    size_t count = 0;
    size_t set;

    PS_TRY(split_chain(parts->chain, certificates, &count));
    put_version(out);
    set = der_begin(out);
    put_digest_algorithm(cms_hash(parts->algorithm), out);
    der_end(out, DER_SET, set);
    put_content(out);
    put_certificates(certificates, count, out);
    set = der_begin(out);
    PS_TRY(put_signer(parts, certificates[0], out));
    der_end(out, DER_SET, set);
    der_end(out, DER_SEQUENCE, start);
    return ps_buf_status(out);
}

enum ps_err cms_put_signed_data(const struct cms_signed *parts, struct ps_buf *out)
{
    const size_t start = der_begin(out);
    size_t content;

    der_put(out, DER_OID, OCTETS(id_signed_data));
    content = der_begin(out);
    PS_TRY(put_data(parts, out));
    der_end(out, DER_CONTEXT_SET(0), content);
    der_end(out, DER_SEQUENCE, start);
    return ps_buf_status(out);
}
