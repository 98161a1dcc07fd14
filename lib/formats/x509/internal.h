#ifndef FORMATS_X509_INTERNAL_H
#define FORMATS_X509_INTERNAL_H

#include "lib/base/reader.h"
#include "lib/formats/der.h"
#include "lib/formats/x509/certificate.h"

#include <openssl/x509.h>

/* Extensions, by the last octet of their OID under 2.5.29 (id-ce). */
enum extension {
    EXTENSION_SUBJECT_KEY_ID = 14,
    EXTENSION_KEY_USAGE = 15,
    EXTENSION_SAN = 17,
    EXTENSION_BASIC_CONSTRAINTS = 19,
    EXTENSION_CRL_NUMBER = 20,
    EXTENSION_REASON = 21,
    EXTENSION_CRL_POINTS = 31,
    EXTENSION_AUTHORITY_KEY_ID = 35,
    EXTENSION_EXTENDED_KEY_USAGE = 37,
};

#define KEY_ID_LEN 20u

/* name_der.c */
void x509_put_subject(const struct x509_subject *subject, struct ps_buf *out);
/* GeneralNames without its header. Errors: through the buffer. */
void x509_put_general_names(const struct x509_sans *sans, struct ps_buf *out);
/*
 * Reads a Name into the typed form, of the attributes that we write only. The texts borrow from
 * the octets. Errors: PS_E_INPUT.
 */
PS_MUST_USE enum ps_err x509_take_subject(struct ps_reader *reader,
                                          struct x509_subject *ret_subject);
/* Reads the content of a GeneralNames; texts of addresses go into `memory`, which never moves. */
PS_MUST_USE enum ps_err x509_take_general_names(struct ps_bytes content, struct ps_buf *memory,
                                                struct x509_sans *ret_sans);

/* extension.c */
/* Opens an extension; what is put until extension_end is its value. */
size_t extension_begin(enum extension extension, bool is_critical, struct ps_buf *out,
                       size_t *ret_value);
void extension_end(size_t start, size_t value, struct ps_buf *out);
void extension_put_key_usage(uint16_t bits, struct ps_buf *out);
void extension_put_purposes(unsigned purposes, struct ps_buf *out);
/* path_len: as in struct x509_wish. */
void extension_put_basic_constraints(bool is_ca, int path_len, struct ps_buf *out);
void extension_put_subject_key_id(struct ps_bytes id, struct ps_buf *out);
void extension_put_authority_key_id(struct ps_bytes id, struct ps_buf *out);
void extension_put_sans(const struct x509_sans *sans, bool is_critical, struct ps_buf *out);
void extension_put_crl_point(struct ps_bytes url, struct ps_buf *out);
/* RFC 7093 section 2 (1): the leftmost 160 bits of the SHA-256 of the key's bit string. */
PS_MUST_USE enum ps_err x509_key_id(struct ps_bytes spki, uint8_t out[KEY_ID_LEN]);

/* RFC 5280 section 4.1.2.5: UTCTime to the end of 2049, GeneralizedTime after it. */
void x509_put_time(uint64_t seconds, struct ps_buf *out);

struct ps_bytes x509_purpose_oid(enum x509_purpose purpose); /* the content of its OID */

/* certificate.c */
struct x509_certificate {
    X509 *x509;
    enum ps_key_type key_type;
    struct ps_buf der;
    struct ps_buf subject; /* text */
    struct ps_buf issuer;  /* text */
    struct ps_buf name;    /* the subject, DER */
    struct ps_buf spki;
    struct ps_buf serial;
    struct ps_buf key_id; /* as the certificate says it; else as x509_key_id makes it */
    struct x509_facts facts;
};

/* facts.c: what the extensions and dates say. Errors: PS_E_INPUT. */
PS_MUST_USE enum ps_err x509_take_facts(X509 *x509, struct x509_facts *facts);

#endif
