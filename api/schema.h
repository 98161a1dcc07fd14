#ifndef API_SCHEMA_H
#define API_SCHEMA_H

#include "lib/formats/json/json.h"

/*
 * Closed schemas of the parameters of changes: what may stand there, so that a misspelt member is
 * told at once. What the values mean is the keeper's business, which checks them again.
 */
struct body_schema {
    const struct json_field *fields;
    size_t count;
};

extern const struct body_schema schema_nothing, schema_genesis, schema_key_create,
    schema_key_version, schema_client_register, schema_grant_add, schema_set_put,
    schema_configuration_approve, schema_exception_record, schema_officer_enrol,
    schema_officer_replace, schema_policy_change, schema_key_batch, schema_client_certificate,
    schema_certificate_csr, schema_certificate_install, schema_certificate_issue,
    schema_certificate_root, schema_certificate_revoke, schema_profile_put, schema_family_create,
    schema_family_key;

/*
 * Checks `body` against the schema and the members that every change may have, which are taken
 * out: what is left is appended to `parameters` as a JSON object with the members' own octets.
 */
struct change_common {
    struct ps_bytes requester;
    struct ps_bytes reason;
    struct ps_bytes ceremony; /* of which script it is a step; empty: none */
    struct ps_bytes step;
};
PS_MUST_USE enum ps_err schema_read_change(const struct body_schema *schema, struct json_value body,
                                           struct change_common *ret_common,
                                           struct ps_buf *parameters);

#endif
