#include "api/schema.h"

#include "lib/base/name.h"

/* Every member that some change has; each table below names those of one. */
struct change_body {
    struct ps_bytes requester;
    struct ps_bytes reason;

    struct ps_bytes name;
    struct ps_bytes type;
    struct ps_bytes usage;
    struct json_value formats;
    struct json_value algorithms;
    struct ps_bytes residence;
    struct ps_bytes recovery;
    struct ps_bytes token;
    bool portable;
    uint64_t validity_s;
    struct json_value rotation;
    struct json_value certificate;
    struct ps_bytes verify;
    struct json_value jwt;
    struct json_value labels;
    uint32_t version;

    struct json_value pins;
    struct json_value policy;
    struct json_value roster;
    struct json_value uids;
    struct ps_bytes issuer;
    struct ps_bytes san;
    struct ps_bytes listener;

    struct ps_bytes client;
    struct json_value operations;
    uint64_t rate_per_s;
    struct ps_bytes not_after;

    struct json_value keys;
    struct ps_bytes pattern;
    uint64_t max_age_s;

    bool initialise;
    struct ps_bytes log_key_type;
    struct ps_bytes origin;
};

#define FIELD(member, kind, required, max)                                                         \
    JSON_FIELD(struct change_body, member, JSON_KIND_##kind, required, max)
#define COMMON FIELD(requester, NAME, false, 128), FIELD(reason, STRING, false, 1024)
#define SCHEMA(name)                                                                               \
    const struct body_schema schema_##name = {name##_fields, PS_COUNT_OF(name##_fields)}

/* An array named "keys" belongs to a set, a pattern named "keys" to a grant. */
#define FIELD_NAMED(text, member, kind_, required_, max_)                                          \
    {                                                                                              \
        .name = (text), .offset = offsetof(struct change_body, member), .max = (max_),             \
        .kind = JSON_KIND_##kind_, .required = (required_)                                         \
    }

static const struct json_field nothing_fields[] = {COMMON};

static const struct json_field genesis_fields[] = {
    COMMON,
    FIELD(origin, STRING, false, 128),
    FIELD(token, NAME, false, 128),
    FIELD(initialise, BOOL, false, 0),
    FIELD(log_key_type, STRING, false, 16),
    FIELD(client, NAME, false, 128),
    FIELD(uids, ARRAY, false, 0),
    FIELD(pins, ARRAY, false, 0),
    FIELD(roster, OBJECT, false, 0),
    FIELD(policy, OBJECT, false, 0),
};

static const struct json_field key_create_fields[] = {
    COMMON,
    FIELD(name, NAME, true, 128),
    FIELD(type, STRING, true, 32),
    FIELD(usage, STRING, true, 32),
    FIELD(formats, ARRAY, false, 0),
    FIELD(algorithms, ARRAY, false, 0),
    FIELD(residence, STRING, false, 32),
    FIELD(recovery, STRING, false, 32),
    FIELD(token, NAME, false, 128),
    FIELD(portable, BOOL, false, 0),
    FIELD(validity_s, U64, false, 0),
    FIELD(rotation, OBJECT, false, 0),
    FIELD(certificate, ANY, false, 0),
    FIELD(verify, STRING, false, 16),
    FIELD(jwt, OBJECT, false, 0),
    FIELD(labels, OBJECT, false, 0),
};

static const struct json_field key_version_fields[] = {
    COMMON,
    FIELD(version, U32, false, 0),
};

static const struct json_field client_register_fields[] = {
    COMMON,
    FIELD(name, NAME, true, 128),
    FIELD(pins, ARRAY, false, 0),
    FIELD(uids, ARRAY, false, 0),
    FIELD(issuer, STRING, false, 43),
    FIELD(san, STRING, false, 256),
    FIELD(listener, STRING, false, 16),
};

static const struct json_field grant_add_fields[] = {
    COMMON,
    FIELD(client, NAME, true, 128),
    FIELD_NAMED("keys", pattern, STRING, true, 128),
    FIELD(operations, ARRAY, true, 0),
    FIELD(formats, ARRAY, false, 0),
    FIELD(rate_per_s, U64, false, 0),
    FIELD(not_after, STRING, false, 40),
};

static const struct json_field set_put_fields[] = {
    COMMON,
    FIELD(keys, ARRAY, true, 0),
    FIELD(max_age_s, U64, false, 86400 * 365),
};

SCHEMA(nothing);
SCHEMA(genesis);
SCHEMA(key_create);
SCHEMA(key_version);
SCHEMA(client_register);
SCHEMA(grant_add);
SCHEMA(set_put);

static bool is_common(struct ps_bytes name)
{
    return ps_bytes_equal_str(name, "requester") || ps_bytes_equal_str(name, "reason");
}

/* Only names that a schema knows come here, and those need no escapes: one way to write each. */
static enum ps_err put_rest(struct json_value body, struct ps_buf *parameters)
{
    const char *separator = "{";
    uint32_t cursor = 0;
    struct ps_bytes name;
    struct json_value value;

    while (json_next(body, &cursor, &name, &value)) {
        if (memchr(name.data, '\\', name.len) != NULL) {
            return ps_fail(PS_E_INPUT, 0, "a member's name is written with escapes");
        }
        if (is_common(name)) {
            continue;
        }
        ps_buf_put_str(parameters, separator);
        ps_buf_put_u8(parameters, '"');
        ps_buf_put(parameters, name);
        ps_buf_put_str(parameters, "\":");
        ps_buf_put(parameters, json_raw(value));
        separator = ",";
    }
    ps_buf_put_str(parameters, separator[0] == '{' ? "{}" : "}");
    return ps_buf_status(parameters);
}

enum ps_err schema_read_change(const struct body_schema *schema, struct json_value body,
                               struct change_common *ret_common, struct ps_buf *parameters)
{
    struct change_body read = {.requester = {NULL, 0}};

    if (json_type(body) != JSON_OBJECT) {
        return ps_fail(PS_E_INPUT, 0, "the body is no JSON object");
    }
    PS_TRY(json_read_object(body, schema->fields, schema->count, &read, NULL));
    PS_TRY(put_rest(body, parameters));
    ret_common->requester = read.requester;
    ret_common->reason = read.reason;
    return PS_OK;
}
