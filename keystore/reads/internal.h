#ifndef KEYSTORE_READS_INTERNAL_H
#define KEYSTORE_READS_INTERNAL_H

#include "keystore/answer.h"
#include "keystore/callers/authority.h"
#include "keystore/reads/reads.h"

/* One request for a document. */
struct read {
    struct keeper *keeper;
    const struct msg_read *message;
    uint8_t role;
    const struct reply_to *to;
    bool is_under_way;          /* somebody else answers later */
    struct authority authority; /* who asks; empty for what is public */
    struct json *parser;
    struct ps_buf body;
    struct ps_buf etag;
    struct msg_document document; /* status, media and max_age are filled in; the rest follows */
};

/* Each writes `body`. Errors become problems. */
enum ps_err read_health(struct read *read);
enum ps_err read_whoami(struct read *read);
enum ps_err read_client_nonce(struct read *read);
enum ps_err read_why(struct read *read);
enum ps_err read_officers(struct read *read);
enum ps_err read_officer(struct read *read);
enum ps_err read_roster(struct read *read);
enum ps_err read_policy(struct read *read);
enum ps_err read_policy_document(struct read *read);
enum ps_err read_system(struct read *read);
enum ps_err read_metrics(struct read *read);
enum ps_err read_expiring(struct read *read);
enum ps_err read_jwks(struct read *read);
enum ps_err read_keys(struct read *read);
enum ps_err read_key(struct read *read);
enum ps_err read_key_public(struct read *read);
enum ps_err read_key_certificate(struct read *read);
enum ps_err read_crl(struct read *read);
enum ps_err read_profiles(struct read *read);
enum ps_err read_families(struct read *read);
enum ps_err read_family(struct read *read);
enum ps_err read_inventory(struct read *read);
enum ps_err read_backups(struct read *read);
enum ps_err read_drill(struct read *read);
enum ps_err read_clients(struct read *read);
enum ps_err read_client(struct read *read);
enum ps_err read_grants(struct read *read);
enum ps_err read_sets(struct read *read);
enum ps_err read_operations(struct read *read);
enum ps_err read_operation(struct read *read);
enum ps_err read_operation_document(struct read *read);
enum ps_err read_unlock(struct read *read);
enum ps_err read_pins(struct read *read);
enum ps_err read_log_checkpoint(struct read *read);
enum ps_err read_log_tile(struct read *read);
enum ps_err read_log_entries(struct read *read);
enum ps_err read_log_proof(struct read *read);
enum ps_err read_log_tlog_proof(struct read *read);
enum ps_err read_key_tlog_proof(struct read *read);
enum ps_err read_certificate_tlog_proof(struct read *read);
enum ps_err read_operation_tlog_proof(struct read *read);
enum ps_err read_log_witnesses(struct read *read);
enum ps_err read_log_witness_request(struct read *read);
enum ps_err read_log_consistency(struct read *read);
enum ps_err read_audit_report(struct read *read);

/* A page of a list: rows of the catalog after `after`, those that `fn` wrote. */
typedef enum ps_err read_item_fn(struct read *read, const struct catalog_row *row,
                                 struct writer *json, bool *ret_written);
PS_MUST_USE enum ps_err read_list(struct read *read, enum catalog_kind kind, read_item_fn *fn);

/* The tree that `name` says: "events", "use" or "use/<shard>". */
PS_MUST_USE enum ps_err read_find_tree(struct read *read, const struct tree **ret_tree);

/* A version by its number; for 0 that which signs, or the newest when none does. NULL: none. */
const struct key_version *read_find_version(struct key *key, uint64_t number);

/* Writes the proof of a leaf of `events`. Errors: PS_E_NOT_FOUND: no checkpoint covers it yet. */
PS_MUST_USE enum ps_err read_put_event_proof(struct read *read, uint64_t event);

/* The strong entity tag of the body. */
void read_tag_body(struct read *read);

#endif
