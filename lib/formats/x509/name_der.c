#include "lib/formats/x509/internal.h"

#include "lib/base/encode.h"

#include <arpa/inet.h>

/* 2.5.4 (id-at) and the last number of each attribute. */
static const uint8_t id_at[] = {0x55, 0x04};

static const uint8_t numbers[X509_ATTRIBUTE_COUNT] = {
    [X509_COUNTRY] = 6,
    [X509_STATE] = 8,
    [X509_LOCALITY] = 7,
    [X509_ORGANIZATION] = 10,
    [X509_ORGANIZATIONAL_UNIT] = 11,
    [X509_COMMON_NAME] = 3,
    [X509_SERIAL_NUMBER] = 5,
};

/* RFC 5280 section 4.2.1.6. */
static const uint8_t san_tags[X509_SAN_KIND_COUNT] = {
    [X509_SAN_EMAIL] = DER_CONTEXT(1),
    [X509_SAN_DNS] = DER_CONTEXT(2),
    [X509_SAN_URI] = DER_CONTEXT(6),
    [X509_SAN_IP] = DER_CONTEXT(7),
};

static bool is_printable_string(enum x509_attribute attribute)
{
    return attribute == X509_COUNTRY || attribute == X509_SERIAL_NUMBER;
}

static void put_attribute(enum x509_attribute attribute, struct ps_bytes value, struct ps_buf *out)
{
    const uint8_t oid[] = {id_at[0], id_at[1], numbers[attribute]};
    const size_t set = der_begin(out);
    const size_t pair = der_begin(out);

    der_put(out, DER_OID, ps_bytes(oid, sizeof oid));
    der_put(out, is_printable_string(attribute) ? DER_PRINTABLE_STRING : DER_UTF8_STRING, value);
    der_end(out, DER_SEQUENCE, pair);
    der_end(out, DER_SET, set);
}

void x509_put_subject(const struct x509_subject *subject, struct ps_buf *out)
{
    const size_t start = der_begin(out);

    for (unsigned i = 0; i < X509_ATTRIBUTE_COUNT; i++) {
        if (subject->values[i].len != 0) {
            put_attribute((enum x509_attribute)i, subject->values[i], out);
        }
    }
    der_end(out, DER_SEQUENCE, start);
}

static bool attribute_by_oid(struct ps_bytes oid, enum x509_attribute *ret_attribute)
{
    for (unsigned i = 0; i < X509_ATTRIBUTE_COUNT; i++) {
        if (oid.len == 3 && memcmp(oid.data, id_at, 2) == 0 && oid.data[2] == numbers[i]) {
            *ret_attribute = (enum x509_attribute)i;
            return true;
        }
    }
    return false;
}

static enum ps_err take_attribute(struct ps_bytes set, struct x509_subject *subject)
{
    struct ps_reader reader = ps_reader(set);
    enum x509_attribute attribute;
    struct ps_bytes pair;
    struct ps_bytes oid;
    struct ps_bytes text;
    uint8_t tag;

    PS_TRY(der_take(&reader, DER_SEQUENCE, &pair));
    PS_TRY(ps_reader_finish(&reader));
    reader = ps_reader(pair);
    PS_TRY(der_take(&reader, DER_OID, &oid));
    tag = reader.left.len == 0 ? 0 : reader.left.data[0];
    if (tag != DER_PRINTABLE_STRING && tag != DER_UTF8_STRING) {
        return ps_fail(PS_E_INPUT, 0, "subject: a value that is no PrintableString or UTF8String");
    }
    PS_TRY(der_take(&reader, tag, &text));
    PS_TRY(ps_reader_finish(&reader));
    if (!attribute_by_oid(oid, &attribute)) {
        return ps_fail(PS_E_INPUT, 0,
                       "subject: an attribute other than C, ST, L, O, OU, CN and "
                       "serialNumber");
    }
    if (subject->values[attribute].len != 0 || text.len == 0) {
        return ps_fail(PS_E_INPUT, 0, "subject: %s: empty, or there twice",
                       x509_attribute_name(attribute));
    }
    subject->values[attribute] = text;
    return PS_OK;
}

enum ps_err x509_take_subject(struct ps_reader *reader, struct x509_subject *ret_subject)
{
    struct x509_subject subject = {.values = {{NULL, 0}}};
    struct ps_reader names;
    struct ps_bytes inside;

    PS_TRY(der_take(reader, DER_SEQUENCE, &inside));
    names = ps_reader(inside);
    while (names.left.len != 0) {
        PS_TRY(der_take(&names, DER_SET, &inside));
        PS_TRY(take_attribute(inside, &subject));
    }
    PS_TRY(x509_subject_check(&subject));
    *ret_subject = subject;
    return PS_OK;
}

static void put_address(struct ps_bytes text, struct ps_buf *out)
{
    char address[INET6_ADDRSTRLEN] = "";
    uint8_t octets[16];
    bool is_v4;

    if (text.len < sizeof address) {
        memcpy(address, text.data, text.len);
    }
    is_v4 = strchr(address, ':') == NULL;
    if (inet_pton(is_v4 ? AF_INET : AF_INET6, address, octets) != 1) {
        out->err = out->err == PS_OK ? PS_E_INTERNAL : out->err;
        return;
    }
    der_put(out, san_tags[X509_SAN_IP], ps_bytes(octets, is_v4 ? 4 : 16));
}

void x509_put_general_names(const struct x509_sans *sans, struct ps_buf *out)
{
    for (size_t i = 0; i < sans->count; i++) {
        if (sans->items[i].kind == X509_SAN_IP) {
            put_address(sans->items[i].text, out);
        } else {
            der_put(out, san_tags[sans->items[i].kind], sans->items[i].text);
        }
    }
}

static enum ps_err read_address(struct ps_bytes octets, struct ps_buf *memory,
                                struct ps_bytes *ret_text)
{
    char *to = (char *)ps_buf_reserve(memory, INET6_ADDRSTRLEN);

    if ((octets.len != 4 && octets.len != 16) || to == NULL ||
        inet_ntop(octets.len == 4 ? AF_INET : AF_INET6, octets.data, to, INET6_ADDRSTRLEN) ==
            NULL) {
        return ps_fail(PS_E_INPUT, 0, "names: an address of %zu octets", octets.len);
    }
    *ret_text = ps_bytes_str(to);
    ps_buf_commit(memory, INET6_ADDRSTRLEN);
    return PS_OK;
}

static enum ps_err kind_of(uint8_t tag, enum x509_san_kind *ret_kind)
{
    for (unsigned i = 0; i < X509_SAN_KIND_COUNT; i++) {
        if (san_tags[i] == tag) {
            *ret_kind = (enum x509_san_kind)i;
            return PS_OK;
        }
    }
    return ps_fail(PS_E_INPUT, 0, "names: one that is no host, address, e-mail address or URI");
}

enum ps_err x509_take_general_names(struct ps_bytes content, struct ps_buf *memory,
                                    struct x509_sans *ret_sans)
{
    struct ps_reader reader = ps_reader(content);

    ret_sans->count = 0;
    /* Once, so that it does not move under the texts that are in it. */
    if (ps_buf_reserve(memory, (size_t)X509_SANS_MAX * INET6_ADDRSTRLEN) == NULL) {
        return ps_buf_status(memory);
    }
    while (reader.left.len != 0) {
        struct x509_san *san = &ret_sans->items[ret_sans->count];
        const uint8_t tag = reader.left.data[0];

        if (ret_sans->count == X509_SANS_MAX) {
            return ps_fail(PS_E_INPUT, 0, "names: more than %u", X509_SANS_MAX);
        }
        PS_TRY(kind_of(tag, &san->kind));
        PS_TRY(der_take(&reader, tag, &san->text));
        if (san->kind == X509_SAN_IP) {
            PS_TRY(read_address(san->text, memory, &san->text));
        }
        PS_TRY(x509_san_check(san));
        ret_sans->count++;
    }
    return ret_sans->count != 0 ? PS_OK : ps_fail(PS_E_INPUT, 0, "names: an empty list");
}
