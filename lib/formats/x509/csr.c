#include "lib/formats/x509/csr.h"

#include "lib/formats/public_key/public_key.h"
#include "lib/formats/x509/internal.h"

#include <arpa/inet.h>

/* RFC 2985 section 5.4.2: extensionRequest, 1.2.840.113549.1.9.14. */
static const uint8_t extension_request[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e};

static enum ps_err bad(const char *what)
{
    return ps_fail(PS_E_INPUT, 0, "CSR: %s", what);
}

static void put_attributes(const struct x509_sans *sans, struct ps_buf *out)
{
    const size_t attributes = der_begin(out);

    if (sans != NULL && sans->count != 0) {
        const size_t attribute = der_begin(out);
        size_t values;
        size_t list;

        der_put(out, DER_OID, ps_bytes(extension_request, sizeof extension_request));
        values = der_begin(out);
        list = der_begin(out);
        extension_put_sans(sans, false, out);
        der_end(out, DER_SEQUENCE, list);
        der_end(out, DER_SET, values);
        der_end(out, DER_SEQUENCE, attribute);
    }
    der_end(out, DER_CONTEXT_SET(0), attributes);
}

enum ps_err x509_put_csr_info(const struct x509_subject *subject, const struct x509_sans *sans,
                              struct ps_bytes spki, struct ps_buf *out)
{
    PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;
    const size_t start = der_begin(out);

    PS_TRY(public_key_from_spki(spki, &key));
    PS_TRY(x509_subject_check(subject));
    for (size_t i = 0; sans != NULL && i < sans->count; i++) {
        PS_TRY(x509_san_check(&sans->items[i]));
    }
    der_put_positive(out, ps_bytes(NULL, 0)); /* version 1 is 0 */
    x509_put_subject(subject, out);
    ps_buf_put(out, spki);
    put_attributes(sans, out);
    der_end(out, DER_SEQUENCE, start);
    return ps_buf_status(out);
}

/* Its whole DER, header included. */
static enum ps_err take_whole(struct ps_reader *reader, uint8_t tag, struct ps_bytes *ret_whole)
{
    const struct ps_bytes before = reader->left;
    struct ps_bytes inside;

    PS_TRY(der_take(reader, tag, &inside));
    *ret_whole = ps_bytes(before.data, before.len - reader->left.len);
    return PS_OK;
}

/* The content of a basicConstraints that says "no CA": empty, or FALSE written out. */
static bool says_no_ca(struct ps_bytes value)
{
    static const uint8_t empty[] = {DER_SEQUENCE, 0};
    static const uint8_t written[] = {DER_SEQUENCE, 3, DER_BOOLEAN, 1, 0};

    return ps_bytes_equal(value, ps_bytes(empty, sizeof empty)) ||
           ps_bytes_equal(value, ps_bytes(written, sizeof written));
}

static enum ps_err take_sans(struct ps_bytes value, struct x509_csr *csr)
{
    struct ps_reader reader = ps_reader(value);
    struct ps_bytes names;

    PS_TRY(der_take(&reader, DER_SEQUENCE, &names));
    PS_TRY(ps_reader_finish(&reader));
    return x509_take_general_names(names, &csr->memory, &csr->sans);
}

static enum ps_err take_extension(struct ps_bytes content, struct x509_csr *csr, uint64_t *seen)
{
    struct ps_reader reader = ps_reader(content);
    struct ps_bytes oid;
    struct ps_bytes flag;
    struct ps_bytes value;
    uint8_t number;

    PS_TRY(der_take(&reader, DER_OID, &oid));
    if (reader.left.len != 0 && reader.left.data[0] == DER_BOOLEAN) {
        PS_TRY(der_take(&reader, DER_BOOLEAN, &flag));
    }
    PS_TRY(der_take(&reader, DER_OCTET_STRING, &value));
    PS_TRY(ps_reader_finish(&reader));
    number = oid.len == 3 && oid.data[0] == 0x55 && oid.data[1] == 0x1d ? oid.data[2] : 0;
    if (number < 64 && (*seen & UINT64_C(1) << number) != 0) {
        return bad("an extension twice");
    }
    *seen |= number < 64 ? UINT64_C(1) << number : 0;
    switch (number) {
    case EXTENSION_SAN:
        return take_sans(value, csr);
    case EXTENSION_BASIC_CONSTRAINTS:
        return says_no_ca(value) ? PS_OK : bad("it asks for a CA's certificate");
    case EXTENSION_SUBJECT_KEY_ID:
    case EXTENSION_KEY_USAGE:
    case EXTENSION_EXTENDED_KEY_USAGE:
        return PS_OK;
    default:
        return bad("it asks for an extension that no profile has; leave out all but names");
    }
}

static enum ps_err take_extension_request(struct ps_bytes set, struct x509_csr *csr)
{
    struct ps_reader reader = ps_reader(set);
    struct ps_bytes list;
    struct ps_bytes inside;
    uint64_t seen = 0;

    PS_TRY(der_take(&reader, DER_SEQUENCE, &list));
    PS_TRY(ps_reader_finish(&reader));
    reader = ps_reader(list);
    while (reader.left.len != 0) {
        PS_TRY(der_take(&reader, DER_SEQUENCE, &inside));
        PS_TRY(take_extension(inside, csr, &seen));
    }
    return PS_OK;
}

/* [0] with at most one attribute, an extensionRequest with one value. */
static enum ps_err take_attributes(struct ps_bytes attributes, struct x509_csr *csr)
{
    struct ps_reader reader = ps_reader(attributes);
    struct ps_bytes attribute;
    struct ps_bytes oid;
    struct ps_bytes set;

    if (attributes.len == 0) {
        return PS_OK;
    }
    PS_TRY(der_take(&reader, DER_SEQUENCE, &attribute));
    if (ps_reader_finish(&reader) != PS_OK) {
        return bad("more than one attribute; only an extension request may be in it");
    }
    reader = ps_reader(attribute);
    PS_TRY(der_take(&reader, DER_OID, &oid));
    PS_TRY(der_take(&reader, DER_SET, &set));
    PS_TRY(ps_reader_finish(&reader));
    if (!ps_bytes_equal(oid, ps_bytes(extension_request, sizeof extension_request))) {
        return bad("an attribute other than an extension request");
    }
    return take_extension_request(set, csr);
}

static enum ps_err take_info(struct ps_bytes info, struct x509_csr *csr)
{
    static const uint8_t version_1[] = {DER_INTEGER, 1, 0};
    struct ps_reader reader = ps_reader(info);
    struct ps_bytes inside;

    PS_TRY(der_take(&reader, DER_SEQUENCE, &inside));
    reader = ps_reader(inside);
    if (!ps_bytes_equal(ps_reader_take(&reader, sizeof version_1),
                        ps_bytes(version_1, sizeof version_1))) {
        return bad("not of version 1");
    }
    PS_TRY(x509_take_subject(&reader, &csr->subject));
    PS_TRY(take_whole(&reader, DER_SEQUENCE, &csr->spki));
    PS_TRY(der_take(&reader, DER_CONTEXT_SET(0), &inside));
    PS_TRY(ps_reader_finish(&reader));
    return take_attributes(inside, csr);
}

static enum ps_err check_possession(struct ps_bytes info, struct ps_bytes identifier,
                                    struct ps_bytes bits, struct ps_bytes spki)
{
    PS_CLEANUP(public_key_free_cleanup) struct public_key *key = NULL;
    enum ps_alg algorithm;
    PS_BUF_AUTO signature;

    ps_buf_init(&signature, PS_SIGNATURE_MAX);
    PS_TRY(public_key_from_spki(spki, &key));
    algorithm = x509_algorithm(identifier, public_key_type(key));
    if (algorithm == PS_ALG_NONE || bits.len == 0 || bits.data[0] != 0) {
        return bad("signed with an algorithm that we do not take; ECDSA is with the hash of the "
                   "curve: SHA-384 for P-384, SHA-512 for P-521");
    }
    if (x509_take_signature_value(algorithm, ps_bytes_from(bits, 1), &signature) != PS_OK ||
        public_key_verify(key, algorithm, info, ps_buf_bytes(&signature)) != PS_OK) {
        return ps_fail(PS_E_DENIED, 0, "CSR: not signed by the key that it names");
    }
    return PS_OK;
}

enum ps_err x509_csr_read(struct ps_bytes der, struct x509_csr *ret_csr)
{
    struct ps_reader reader = ps_reader(der);
    struct ps_bytes all;
    struct ps_bytes info;
    struct ps_bytes identifier;
    struct ps_bytes bits;

    *ret_csr = (struct x509_csr){.sans.count = 0};
    ps_buf_init(&ret_csr->memory, (size_t)X509_SANS_MAX * INET6_ADDRSTRLEN);
    if (der.len > X509_CSR_MAX) {
        return bad("over 16 KiB");
    }
    if (der_take(&reader, DER_SEQUENCE, &all) != PS_OK || ps_reader_finish(&reader) != PS_OK) {
        return bad("not a request (PKCS #10) in DER, and nothing else");
    }
    reader = ps_reader(all);
    PS_TRY(take_whole(&reader, DER_SEQUENCE, &info));
    PS_TRY(take_whole(&reader, DER_SEQUENCE, &identifier));
    PS_TRY(der_take(&reader, DER_BIT_STRING, &bits));
    PS_TRY(ps_reader_finish(&reader));
    PS_TRY(take_info(info, ret_csr));
    return check_possession(info, identifier, bits, ret_csr->spki);
}

void x509_csr_clear(struct x509_csr *csr)
{
    ps_buf_clear(&csr->memory);
}
