#ifndef FORMATS_X509_NAME_H
#define FORMATS_X509_NAME_H

#include "lib/formats/json/json.h"

/*
 * The names that certificates and requests carry: subjects and subject alternative names, typed, so
 * that nothing else can get in. Values borrow from the text they were read from.
 */

/* Attributes of a subject, in the order in which they are written; each at most once. */
enum x509_attribute {
    X509_COUNTRY,
    X509_STATE,
    X509_LOCALITY,
    X509_ORGANIZATION,
    X509_ORGANIZATIONAL_UNIT,
    X509_COMMON_NAME,
    X509_SERIAL_NUMBER,
    X509_ATTRIBUTE_COUNT
};

struct x509_subject {
    struct ps_bytes values[X509_ATTRIBUTE_COUNT]; /* UTF-8; empty: not there */
};

/* "common_name": the member of JSON documents. */
const char *x509_attribute_name(enum x509_attribute attribute);
bool x509_attribute_by_name(struct ps_bytes name, enum x509_attribute *ret_attribute);

/*
 * Reads {"common_name": ..., ...}: all members are optional, none is unknown. Each value is
 * checked: characters, RFC 5280's upper bounds, no blank at an end. Errors: PS_E_INPUT; the detail
 * names it.
 */
PS_MUST_USE enum ps_err x509_subject_read(struct json_value object,
                                          struct x509_subject *ret_subject);
PS_MUST_USE enum ps_err x509_subject_check(const struct x509_subject *subject);
/* The same object, members in lexical order. */
void x509_subject_put_json(const struct x509_subject *subject, struct ps_buf *out);
bool x509_subject_is_empty(const struct x509_subject *subject);

/* Subject alternative names. */
enum x509_san_kind { X509_SAN_DNS, X509_SAN_EMAIL, X509_SAN_IP, X509_SAN_URI, X509_SAN_KIND_COUNT };
#define X509_SAN_BIT(kind) (1u << (kind))

struct x509_san {
    enum x509_san_kind kind;
    struct ps_bytes text; /* of an address "192.0.2.1", "2001:db8::1" */
};

#define X509_SANS_MAX     64u
#define X509_SAN_TEXT_MAX 512u /* with its kind in front */

struct x509_sans {
    struct x509_san items[X509_SANS_MAX];
    size_t count;
};

/*
 * Reads "dns:example.org", "email:a@example.org", "ip:192.0.2.1" or "uri:https://example.org/".
 * Host names are in lower case, with at most one "*." in front. Errors: PS_E_INPUT.
 */
PS_MUST_USE enum ps_err x509_san_read(struct ps_bytes text, struct x509_san *ret_san);
PS_MUST_USE enum ps_err x509_san_check(const struct x509_san *san);
void x509_san_put_text(const struct x509_san *san, struct ps_buf *out);

/* A JSON array of such texts; the same one twice is an error. */
PS_MUST_USE enum ps_err x509_sans_read(struct json_value array, struct x509_sans *ret_sans);
const char *x509_san_kind_name(enum x509_san_kind kind);
bool x509_san_kind_by_name(struct ps_bytes name, enum x509_san_kind *ret_kind);

#endif
