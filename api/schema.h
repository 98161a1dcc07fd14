#ifndef API_SCHEMA_H
#define API_SCHEMA_H

#include "lib/formats/json.h"

/*
 * Closed schemas of the parameters of changes: what may stand there, so that a misspelt member is
 * told at once. What the values mean is the keeper's business, which checks them again.
 */
struct body_schema {
    const struct json_field *fields;
    size_t count;
};

extern const struct body_schema schema_nothing, schema_genesis, schema_key_create,
    schema_key_version, schema_client_register, schema_grant_add, schema_set_put;

/*
 * Checks `body` against the schema and the members that every change may have, `requester` and
 * `reason`, which are taken out: what is left is appended to `parameters` as a JSON object with the
 * members' own octets.
 */
struct change_common {
    struct ps_bytes requester;
    struct ps_bytes reason;
};
PS_MUST_USE enum ps_err schema_read_change(const struct body_schema *schema, struct json_value body,
                                           struct change_common *ret_common,
                                           struct ps_buf *parameters);

#endif
