#include "keystore/catalog/records.h"

#include "lib/ceremony/people/policy.h"
#include "lib/ceremony/people/roster.h"

/* Each reads a row and gives the name it belongs under. */
typedef enum ps_err check_fn(struct json_value row, struct ps_buf *name);

static enum ps_err check_key(struct json_value row, struct ps_buf *name)
{
    struct key_record record;

    PS_TRY(key_record_read(row, &record));
    ps_buf_put(name, record.name);
    return PS_OK;
}

static enum ps_err check_version(struct json_value row, struct ps_buf *name)
{
    struct version_record record;

    PS_TRY(version_record_read(row, &record));
    version_record_put_name(record.key, record.number, name);
    return PS_OK;
}

static enum ps_err check_certificate(struct json_value row, struct ps_buf *name)
{
    struct certificate_record record;

    PS_TRY(certificate_record_read(row, &record));
    version_record_put_name(record.key, record.number, name);
    return PS_OK;
}

static enum ps_err check_client(struct json_value row, struct ps_buf *name)
{
    struct client_record record;

    PS_TRY(client_record_read(row, &record));
    ps_buf_put(name, record.name);
    return PS_OK;
}

static enum ps_err check_grant(struct json_value row, struct ps_buf *name)
{
    struct grant_record record;

    PS_TRY(grant_record_read(row, &record));
    ps_buf_put(name, record.id);
    return PS_OK;
}

static enum ps_err check_set(struct json_value row, struct ps_buf *name)
{
    struct set_record record;

    PS_TRY(set_record_read(row, &record));
    ps_buf_put(name, record.name);
    return PS_OK;
}

static enum ps_err check_profile(struct json_value row, struct ps_buf *name)
{
    struct profile_record record;

    PS_TRY(profile_record_read(row, &record));
    ps_buf_put(name, record.name);
    return PS_OK;
}

static enum ps_err check_revocation(struct json_value row, struct ps_buf *name)
{
    struct revocation_record record;

    PS_TRY(revocation_record_read(row, &record));
    revocation_record_put_name(record.key, record.serial, name);
    return PS_OK;
}

static enum ps_err check_family(struct json_value row, struct ps_buf *name)
{
    struct family_record record;

    PS_TRY(family_record_read(row, &record));
    ps_buf_put(name, record.prefix);
    return PS_OK;
}

static enum ps_err check_policy(struct json_value row, struct ps_buf *name)
{
    struct policy_record record;

    PS_TRY(policy_record_read(row, &record));
    ps_buf_put_str(name, POLICY_ROW);
    return policy_read(record.document, &(struct policy){.epoch = 0});
}

static enum ps_err check_person(struct json_value row, struct ps_buf *name)
{
    PS_CLEANUP(roster_free_cleanup) struct roster *roster = NULL;

    PS_TRY(roster_new(&roster));
    PS_TRY(roster_add(roster, row));
    ps_buf_put_str(name, roster_at(roster, 0)->name);
    return PS_OK;
}

static enum ps_err check_token(struct json_value row, struct ps_buf *name)
{
    struct token_record record;

    PS_TRY(token_record_read(row, &record));
    ps_buf_put(name, record.name);
    return PS_OK;
}

static enum ps_err check_pin(struct json_value row, struct ps_buf *name)
{
    struct pin_record record;

    PS_TRY(pin_record_read(row, &record));
    pin_record_put_name(record.token, record.pin, record.is_next, name);
    return PS_OK;
}

static enum ps_err check_pruned(struct json_value row, struct ps_buf *name)
{
    struct pruned_record record;

    PS_TRY(pruned_record_read(row, &record));
    ps_buf_put(name, record.name);
    return PS_OK;
}

static enum ps_err check_appliance(struct json_value row, struct ps_buf *name)
{
    struct appliance_record record;

    PS_TRY(appliance_record_read(row, &record));
    ps_buf_put_str(name, APPLIANCE_ROW);
    return PS_OK;
}

static check_fn *const checks[CATALOG_KIND_COUNT] = {
    [CATALOG_KEY] = check_key,
    [CATALOG_VERSION] = check_version,
    [CATALOG_CLIENT] = check_client,
    [CATALOG_GRANT] = check_grant,
    [CATALOG_SET] = check_set,
    [CATALOG_POLICY] = check_policy,
    [CATALOG_TOKEN] = check_token,
    [CATALOG_PRUNED] = check_pruned,
    [CATALOG_APPLIANCE] = check_appliance,
    [CATALOG_ROSTER] = check_person,
    [CATALOG_CERTIFICATE] = check_certificate,
    [CATALOG_PIN] = check_pin,
    [CATALOG_PROFILE] = check_profile,
    [CATALOG_REVOCATION] = check_revocation,
    [CATALOG_FAMILY] = check_family,
};

enum ps_err record_check(enum catalog_kind kind, struct ps_bytes name, struct json_value row)
{
    PS_BUF_AUTO own = {0};

    if (checks[kind] == NULL) {
        return PS_OK;
    }
    ps_buf_init(&own, CATALOG_NAME_MAX);
    PS_TRY(checks[kind](row, &own));
    PS_TRY(ps_buf_status(&own));
    if (!ps_bytes_equal(ps_buf_bytes(&own), name)) {
        return ps_fail(PS_E_INPUT, 0, "the row of another %s", catalog_kind_name(kind));
    }
    return PS_OK;
}
