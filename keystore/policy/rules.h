#ifndef KEYSTORE_POLICY_RULES_H
#define KEYSTORE_POLICY_RULES_H

#include "keystore/catalog/records.h"

/*
 * What a new key, client or grant must be, beyond the form of its record: pure functions that give
 * the first rule that is broken, NULL when all hold. Each rule is a row of a table in rules_key.c
 * or rules_access.c; `detail` is what the requester reads.
 */
struct rule {
    const char *name;   /* "raw-alone" */
    const char *detail; /* a sentence that names the member and says what holds */
};

/* What this appliance can do for keys, besides what their tokens do. */
struct key_rule_context {
    bool is_ours;             /* the appliance itself asks: reserved names, wrapping keys */
    bool has_wrapping_key;    /* residence and recovery `wrapped` */
    bool has_replicas;        /* recovery `replicated`: two tokens open what is wrapped now */
    bool has_vendor_recovery; /* recovery `vendor`: the profile of the key's token says how */
    uint64_t jwks_max_age_s;  /* the longest of all sets */
};
const struct rule *rules_check_key(const struct key_record *key,
                                   const struct key_rule_context *context);

/* Besides what its keys must be. */
const struct rule *rules_check_family(const struct family_record *family);

struct client_rule_context {
    bool is_practice;
    const uint32_t *refused_uids; /* of our own roles */
    size_t refused_count;
};
const struct rule *rules_check_client(const struct client_record *client,
                                      const struct client_rule_context *context);

const struct rule *rules_check_grant(const struct grant_record *grant, uint64_t now_s);

#endif
