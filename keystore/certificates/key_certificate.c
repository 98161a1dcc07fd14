#include "keystore/certificates/key_certificate.h"

#include "lib/base/encode.h"

#include <stdlib.h>

/* The DER of a row's chain, one behind the other, into `certificate`, which has room for it. */
static enum ps_err take_chain(const struct certificate_record *record,
                              struct key_certificate *certificate)
{
    struct json_value value;
    struct ps_bytes text;
    uint32_t cursor = 0;
    uint8_t *to = certificate->octets;

    while (json_next(record->chain, &cursor, NULL, &value)) {
        PS_BUF_AUTO der = {.max = CERTIFICATE_OCTETS_MAX};

        PS_TRY(json_string(value, &text));
        PS_TRY(ps_base64url_decode(text, &der));
        memcpy(to, der.data, der.len);
        certificate->chain[certificate->count++] = ps_bytes(to, der.len);
        to += der.len;
    }
    memcpy(to, record->root.data, record->root.len);
    certificate->root = ps_bytes(to, record->root.len);
    ps_sha256(certificate->chain[0], certificate->leaf_hash);
    return PS_OK;
}

enum ps_err key_certificate_new(const struct certificate_record *record,
                                struct key_certificate **ret_certificate)
{
    /* Text is longer than what it says. */
    struct key_certificate *certificate =
        calloc(1, sizeof *certificate + json_raw(record->chain).len + record->root.len);
    enum ps_err err;

    if (certificate == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    err = take_chain(record, certificate);
    if (err != PS_OK) {
        free(certificate);
        return err;
    }
    certificate->kind = record->kind;
    certificate->has_terms = record->terms.doc != NULL;
    certificate->not_before_s = record->not_before_s;
    certificate->not_after_s = record->not_after_s;
    *ret_certificate = certificate;
    return PS_OK;
}

void key_certificate_fill_issuer(const struct key_certificate *issuer, struct x509_wish *wish)
{
    wish->issuer = issuer->chain[0];
    wish->above = issuer->chain + 1;
    wish->above_count = issuer->count - 1;
    wish->root = ps_bytes_equal(issuer->root, issuer->chain[0]) ? ps_bytes(NULL, 0) : issuer->root;
}
