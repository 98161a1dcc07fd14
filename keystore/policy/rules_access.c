#include "keystore/policy/rules.h"

#include "keystore/policy/operations_granted.h"
#include "lib/base/name.h"

typedef bool client_rule_fn(const struct client_record *client,
                            const struct client_rule_context *context);

struct client_rule {
    struct rule rule;
    client_rule_fn *holds;
};

static bool client_name_is_free(const struct client_record *client,
                                PS_UNUSED const struct client_rule_context *context)
{
    return !ps_name_reserved(client->name);
}

static bool has_identity(const struct client_record *client,
                         PS_UNUSED const struct client_rule_context *context)
{
    return (client->pins.doc != NULL && json_count(client->pins) != 0) ||
           (client->uids.doc != NULL && json_count(client->uids) != 0) || client->san.len != 0;
}

/* Names are compared octet by octet; a wildcard would look like a rule and never hold. */
static bool san_is_exact(const struct client_record *client,
                         PS_UNUSED const struct client_rule_context *context)
{
    return client->san.len == 0 || memchr(client->san.data, '*', client->san.len) == NULL;
}

static bool has_uid(const struct client_record *client, int64_t uid)
{
    struct json_value value;
    uint32_t cursor = 0;
    int64_t number = 0;

    while (client->uids.doc != NULL && json_next(client->uids, &cursor, NULL, &value)) {
        if (json_integer(value, &number) == PS_OK && number == uid) {
            return true;
        }
    }
    return false;
}

static bool uid_zero_is_for_practice(const struct client_record *client,
                                     const struct client_rule_context *context)
{
    return context->is_practice || !has_uid(client, 0);
}

static bool uids_are_not_ours(const struct client_record *client,
                              const struct client_rule_context *context)
{
    for (size_t i = 0; i < context->refused_count; i++) {
        if (has_uid(client, (int64_t)context->refused_uids[i])) {
            return false;
        }
    }
    return true;
}

static const struct client_rule client_rules[] = {
    {{"reserved-name", "`name`: names that begin with \"privyseal.\" are the appliance's own"},
     client_name_is_free},
    {{"identity", "a client has pins, uids, or an issuer with a san: else nobody is it"},
     has_identity},
    {{"exact-san", "`san`: compared octet by octet, it has no wildcard"}, san_is_exact},
    {{"uid-zero", "`uids`: user id 0 is a client of a practice appliance only"},
     uid_zero_is_for_practice},
    {{"own-uid", "`uids`: one of them is that of one of the appliance's own processes"},
     uids_are_not_ours},
};

const struct rule *rules_check_client(const struct client_record *client,
                                      const struct client_rule_context *context)
{
    for (size_t i = 0; i < PS_COUNT_OF(client_rules); i++) {
        if (!client_rules[i].holds(client, context)) {
            return &client_rules[i].rule;
        }
    }
    return NULL;
}

typedef bool grant_rule_fn(const struct grant_record *grant, uint64_t now_s);

struct grant_rule {
    struct rule rule;
    grant_rule_fn *holds;
};

static bool keys_are_not_ours(const struct grant_record *grant, PS_UNUSED uint64_t now_s)
{
    return !ps_name_reserved(grant->keys);
}

/* The formats that all operations of the grant touch; false when one does not exist. */
static bool read_operations(const struct grant_record *grant, unsigned *ret_formats)
{
    struct json_value value;
    struct ps_bytes name;
    uint32_t cursor = 0;
    unsigned formats = 0;

    if (grant->operations.doc == NULL || json_count(grant->operations) == 0) {
        return false;
    }
    while (json_next(grant->operations, &cursor, NULL, &value)) {
        const struct granted_op_info *info;

        if (json_string(value, &name) != PS_OK) {
            return false;
        }
        info = granted_op_info(granted_op_by_name(name, NULL));
        if (info == NULL) {
            return false;
        }
        formats |= info->formats;
    }
    *ret_formats = formats;
    return true;
}

static bool operations_exist(const struct grant_record *grant, PS_UNUSED uint64_t now_s)
{
    unsigned formats;

    return read_operations(grant, &formats);
}

static bool formats_are_touched(const struct grant_record *grant, PS_UNUSED uint64_t now_s)
{
    struct json_value value;
    struct ps_bytes name;
    uint32_t cursor = 0;
    unsigned formats = 0;

    if (!read_operations(grant, &formats)) {
        return false;
    }
    while (grant->formats.doc != NULL && json_next(grant->formats, &cursor, NULL, &value)) {
        if (json_string(value, &name) != PS_OK ||
            (formats & GRANTED_FORMAT(ps_format_by_name(name))) == 0) {
            return false;
        }
    }
    return true;
}

static bool ends_later(const struct grant_record *grant, uint64_t now_s)
{
    return grant->not_after_s == 0 || grant->not_after_s > now_s;
}

static const struct grant_rule grant_rules[] = {
    {{"reserved-name", "`keys`: no grant covers the appliance's own keys"}, keys_are_not_ours},
    {{"operations",
      "`operations`: one of them does not exist; certificates are x509.issue:PROFILE"},
     operations_exist},
    {{"formats", "`formats`: one of them is of none of the operations"}, formats_are_touched},
    {{"not-after", "`not_after`: it has passed"}, ends_later},
};

const struct rule *rules_check_grant(const struct grant_record *grant, uint64_t now_s)
{
    for (size_t i = 0; i < PS_COUNT_OF(grant_rules); i++) {
        if (!grant_rules[i].holds(grant, now_s)) {
            return &grant_rules[i].rule;
        }
    }
    return NULL;
}
