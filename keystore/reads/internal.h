#ifndef KEYSTORE_READS_INTERNAL_H
#define KEYSTORE_READS_INTERNAL_H

#include "keystore/answer.h"
#include "keystore/authority.h"
#include "keystore/reads/reads.h"

/* One request for a document. */
struct read {
    struct keeper *keeper;
    const struct msg_read *message;
    uint8_t role;
    struct authority authority; /* who asks; empty for what is public */
    struct json *parser;
    struct ps_buf body;
    struct ps_buf etag;
    struct msg_document document; /* status, media and max_age are filled in; the rest follows */
};

/* Each writes `body`. Errors become problems. */
enum ps_err read_health(struct read *read);
enum ps_err read_whoami(struct read *read);
enum ps_err read_why(struct read *read);
enum ps_err read_policy(struct read *read);
enum ps_err read_system(struct read *read);
enum ps_err read_metrics(struct read *read);
enum ps_err read_expiring(struct read *read);
enum ps_err read_jwks(struct read *read);
enum ps_err read_keys(struct read *read);
enum ps_err read_key(struct read *read);
enum ps_err read_key_public(struct read *read);
enum ps_err read_clients(struct read *read);
enum ps_err read_client(struct read *read);
enum ps_err read_grants(struct read *read);
enum ps_err read_sets(struct read *read);
enum ps_err read_operations(struct read *read);
enum ps_err read_operation(struct read *read);
enum ps_err read_operation_document(struct read *read);
enum ps_err read_log_checkpoint(struct read *read);
enum ps_err read_log_tile(struct read *read);
enum ps_err read_log_entries(struct read *read);
enum ps_err read_log_proof(struct read *read);
enum ps_err read_log_consistency(struct read *read);

/* A page of a list: rows of the catalog after `after`, those that `fn` wrote. */
typedef enum ps_err read_item_fn(struct read *read, const struct catalog_row *row,
                                 struct writer *json, bool *ret_written);
PS_MUST_USE enum ps_err read_list(struct read *read, enum catalog_kind kind, read_item_fn *fn);

/* The strong entity tag of the body. */
void read_tag_body(struct read *read);

#endif
