#include "api/schema.h"

#include "lib/base/name.h"

/* Every member that some change has; each table below names those of one. */
struct change_body {
    struct ps_bytes requester;
    struct ps_bytes reason;
    struct ps_bytes ceremony;
    struct ps_bytes step;

    struct ps_bytes name;
    struct ps_bytes type;
    struct ps_bytes usage;
    struct ps_bytes class;
    struct json_value formats;
    struct json_value algorithms;
    struct ps_bytes residence;
    struct ps_bytes recovery;
    struct ps_bytes token;
    bool portable;
    uint64_t validity_s;
    struct json_value rotation;
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
    struct ps_bytes statement;
    struct ps_bytes old_key;
    struct ps_bytes old_signature;
    struct ps_bytes new_signature;

    struct ps_bytes client;
    uint64_t maximum;
    struct json_value template;
    struct json_value operations;
    uint64_t rate_per_s;
    struct ps_bytes not_after;

    struct ps_bytes person;
    struct ps_bytes role;
    struct ps_bytes valid_from;
    struct ps_bytes valid_until;
    struct ps_bytes quorum;
    struct json_value unproven;

    struct ps_bytes chain;
    struct ps_bytes crl_url;
    struct ps_bytes key;
    struct ps_bytes kind;
    uint64_t longest_s;
    uint32_t path_len;
    bool proof;
    struct json_value purposes;
    struct ps_bytes root;
    struct json_value sans;
    struct json_value subject;

    struct json_value keys;
    struct ps_bytes pattern;
    uint64_t max_age_s;

    struct ps_bytes configuration;
    struct json_value deciders;
    struct ps_bytes decision;
    struct ps_bytes expected;
    struct ps_bytes happened;

    bool initialise;
    struct ps_bytes log_key_type;
    struct ps_bytes origin;
    struct ps_bytes reason_code;
    struct ps_bytes serial;
};

#define FIELD(member, kind, required, max)                                                         \
    JSON_FIELD(struct change_body, member, JSON_KIND_##kind, required, max)
#define COMMON                                                                                     \
    FIELD(requester, NAME, false, 128), FIELD(reason, STRING, false, 1024),                        \
        FIELD(ceremony, STRING, false, 256), FIELD(step, STRING, false, 64)
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
    FIELD(roster, OBJECT, true, 0),
    FIELD(policy, OBJECT, true, 0),
};

/* What new keys are, besides their names. */
#define NEW_KEY                                                                                    \
    FIELD(type, STRING, true, 32), FIELD(usage, STRING, true, 32), FIELD(class, STRING, false, 1), \
        FIELD(formats, ARRAY, false, 0), FIELD(algorithms, ARRAY, false, 0),                       \
        FIELD(residence, STRING, false, 32), FIELD(recovery, STRING, false, 32),                   \
        FIELD(token, NAME, false, 128), FIELD(portable, BOOL, false, 0),                           \
        FIELD(validity_s, U64, false, 0), FIELD(rotation, OBJECT, false, 0),                       \
        FIELD(verify, STRING, false, 16), FIELD(jwt, OBJECT, false, 0),                            \
        FIELD(labels, OBJECT, false, 0)

static const struct json_field key_create_fields[] = {
    COMMON,
    FIELD(name, NAME, true, 128),
    NEW_KEY,
};

static const struct json_field key_batch_fields[] = {
    COMMON,
    FIELD(keys, ARRAY, true, 0),
    NEW_KEY,
};

static const struct json_field family_create_fields[] = {
    COMMON,
    FIELD(client, NAME, true, 128),
    FIELD(maximum, U64, true, 100000000),
    FIELD(template, OBJECT, true, 0),
};

static const struct json_field family_key_fields[] = {
    COMMON,
    FIELD(name, NAME, true, 128),
};

static const struct json_field key_version_fields[] = {
    COMMON,
    FIELD(version, U32, false, 0),
};

static const struct json_field certificate_csr_fields[] = {
    COMMON,
    FIELD(key, NAME, true, 128),
    FIELD(sans, ARRAY, false, 0),
    FIELD(subject, OBJECT, true, 0),
    FIELD(version, U32, false, 0),
};

static const struct json_field certificate_install_fields[] = {
    COMMON,
    FIELD(chain, STRING, true, 40000),
    FIELD(root, STRING, false, 40000),
    FIELD(version, U32, false, 0),
};

/* What a root says of itself, and an issuer of another key. */
#define CERTIFICATE                                                                                \
    FIELD(path_len, U32, false, 127), FIELD(subject, OBJECT, true, 0),                             \
        FIELD(validity_s, U64, true, 0), FIELD(version, U32, false, 0)

static const struct json_field certificate_issue_fields[] = {
    COMMON,
    CERTIFICATE,
    FIELD(issuer, NAME, true, 128),
    FIELD(sans, ARRAY, false, 0),
};

static const struct json_field certificate_root_fields[] = {COMMON, CERTIFICATE};

static const struct json_field certificate_revoke_fields[] = {
    COMMON,
    FIELD(reason_code, STRING, false, 32),
    FIELD(serial, STRING, true, 40),
};

static const struct json_field profile_put_fields[] = {
    COMMON,
    FIELD(crl_url, STRING, false, 512),
    FIELD(issuer, NAME, true, 128),
    FIELD(kind, STRING, true, 32),
    FIELD(longest_s, U64, true, 0),
    FIELD(proof, BOOL, false, 0),
    FIELD(purposes, ARRAY, false, 0),
    FIELD(sans, ARRAY, false, 0),
    FIELD(subject, OBJECT, false, 0),
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

static const struct json_field client_certificate_fields[] = {
    COMMON,
    FIELD(statement, STRING, true, 4096),
    FIELD(old_key, STRING, true, 1024),
    FIELD(old_signature, STRING, true, 1024),
    FIELD(new_signature, STRING, true, 1024),
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

static const struct json_field configuration_approve_fields[] = {
    COMMON,
    FIELD(configuration, STRING, false, 64),
};

static const struct json_field exception_record_fields[] = {
    COMMON,
    FIELD(deciders, ARRAY, true, 0),
    FIELD(decision, STRING, true, 4096),
    FIELD(expected, STRING, true, 4096),
    FIELD(happened, STRING, true, 4096),
};

/* A person's entry in the roster. */
#define PERSON                                                                                     \
    FIELD(person, NAME, true, 128), FIELD(role, STRING, true, 16), FIELD(keys, ARRAY, true, 0),    \
        FIELD(unproven, ARRAY, false, 0), FIELD(valid_from, STRING, false, 20),                    \
        FIELD(valid_until, STRING, true, 20)

static const struct json_field officer_enrol_fields[] = {COMMON, PERSON};

static const struct json_field officer_replace_fields[] = {
    COMMON,
    PERSON,
    FIELD(quorum, STRING, false, 16),
};

static const struct json_field policy_change_fields[] = {
    COMMON,
    FIELD(policy, OBJECT, true, 0),
};

SCHEMA(nothing);
SCHEMA(genesis);
SCHEMA(key_create);
SCHEMA(key_batch);
SCHEMA(family_create);
SCHEMA(family_key);
SCHEMA(key_version);
SCHEMA(certificate_csr);
SCHEMA(certificate_install);
SCHEMA(certificate_issue);
SCHEMA(certificate_root);
SCHEMA(certificate_revoke);
SCHEMA(profile_put);
SCHEMA(client_register);
SCHEMA(client_certificate);
SCHEMA(grant_add);
SCHEMA(set_put);
SCHEMA(configuration_approve);
SCHEMA(exception_record);
SCHEMA(officer_enrol);
SCHEMA(officer_replace);
SCHEMA(policy_change);

static bool is_common(struct ps_bytes name)
{
    static const char *const names[] = {"requester", "reason", "ceremony", "step"};

    for (size_t i = 0; i < PS_COUNT_OF(names); i++) {
        if (ps_bytes_equal_str(name, names[i])) {
            return true;
        }
    }
    return false;
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
    ret_common->ceremony = read.ceremony;
    ret_common->step = read.step;
    return PS_OK;
}
