#ifndef KEYSTORE_OPERATIONS_CERTIFICATES_CERTIFICATE_H
#define KEYSTORE_OPERATIONS_CERTIFICATES_CERTIFICATE_H

#include "keystore/operations/internal.h"
#include "lib/formats/x509/chain.h"

/* What the operations on certificates of keys share. */

/* A chain as a row will hold it; everything is borrowed. */
struct certificate_chain {
    enum certificate_kind kind;
    struct ps_bytes certificates[CERTIFICATE_CHAIN_MAX]; /* DER, the version's own first */
    size_t count;
    struct ps_bytes root; /* DER; not among them, unless it is the first */
};

/*
 * The version that a request means: of the key in the path, or of its member `key`; the newest when
 * `number` is 0. NULL: refused.
 */
struct key_version *certificate_find_version(struct operation *op, struct ps_bytes key,
                                             uint32_t number);

/* The version that the parameters name, as it is now. NULL: refused. Locks the key. */
struct key_version *certificate_take_version(struct operation *op);

/* Member "sans"; and both from a request, or from parameters. */
void certificate_put_sans(const struct x509_sans *sans, struct writer *json);
PS_MUST_USE enum ps_err certificate_read_names(struct json_value object,
                                               struct x509_subject *ret_subject,
                                               struct x509_sans *ret_sans);

/* What a certificate of a key that is no root is for; X509_KIND_NONE: it has none. */
enum x509_kind certificate_kind_of(const struct key *key);

/*
 * Key match, order, path, dates, usages, as of that time. Errors: those of x509_check_chain, and
 * PS_E_LIMIT (more than a row holds).
 */
PS_MUST_USE enum ps_err certificate_check_chain(const struct key_version *version,
                                                enum x509_kind kind,
                                                const struct certificate_chain *chain,
                                                uint64_t now_s);

/*
 * The changes of the catalog: the chain's row, and the key's own, so that its revision tells of it.
 * terms: canonical JSON of the request that would issue it again; or empty
 */
PS_MUST_USE enum ps_err certificate_put_rows(struct operation *op,
                                             const struct key_version *version,
                                             const struct certificate_chain *chain,
                                             struct ps_bytes terms);

/* certificate_issue.c: the request that an operation of this type was made from, as terms keep it.
 */
PS_MUST_USE enum ps_err certificate_put_request(const struct operation *op, struct ps_buf *out);

#endif
