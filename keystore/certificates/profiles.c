#include "keystore/certificates/profiles.h"

#include "lib/formats/x509/rule.h"

#include <stdlib.h>

/* Its record borrows from the other two. */
struct profile {
    struct json *parser;
    struct ps_buf body;
    struct profile_record record;
    uint64_t event;
};

struct profiles {
    struct profile *profiles;
    size_t count;
};

enum ps_err profiles_new(struct profiles **ret_profiles)
{
    struct profiles *profiles = calloc(1, sizeof *profiles);

    if (profiles == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    *ret_profiles = profiles;
    return PS_OK;
}

static void forget(struct profiles *profiles)
{
    for (size_t i = 0; i < profiles->count; i++) {
        json_free(profiles->profiles[i].parser);
        ps_buf_clear(&profiles->profiles[i].body);
    }
    free(profiles->profiles);
    profiles->profiles = NULL;
    profiles->count = 0;
}

void profiles_free(struct profiles *profiles)
{
    if (profiles == NULL) {
        return;
    }
    forget(profiles);
    free(profiles);
}

static enum ps_err take(struct profile *profile, struct ps_bytes body)
{
    struct json_value row;

    PS_TRY(json_new(&profile->parser));
    ps_buf_put(&profile->body, body);
    PS_TRY(ps_buf_status(&profile->body));
    PS_TRY(json_parse(profile->parser, ps_buf_bytes(&profile->body), &JSON_LIMITS_REQUEST, &row));
    return profile_record_read(row, &profile->record);
}

static enum ps_err on_row(void *context, const struct catalog_row *row)
{
    struct profiles *profiles = context;
    struct profile *grown = realloc(profiles->profiles, (profiles->count + 1) * sizeof *grown);
    struct profile *profile;

    if (grown == NULL) {
        return ps_fail(PS_E_NO_MEMORY, 0, "out of memory");
    }
    profiles->profiles = grown;
    profile = &grown[profiles->count++];
    *profile = (struct profile){.event = row->event};
    ps_buf_init(&profile->body, CATALOG_BODY_MAX);
    return take(profile, row->body);
}

enum ps_err profiles_load(struct profiles *profiles, struct catalog *from)
{
    forget(profiles);
    return catalog_list(from, CATALOG_PROFILE, ps_bytes(NULL, 0), UINT32_MAX, on_row, profiles);
}

static const struct profile *find(const struct profiles *profiles, struct ps_bytes name)
{
    for (size_t i = 0; i < profiles->count; i++) {
        if (ps_bytes_equal(profiles->profiles[i].record.name, name)) {
            return &profiles->profiles[i];
        }
    }
    return NULL;
}

const struct profile_record *profiles_find(const struct profiles *profiles, struct ps_bytes name)
{
    const struct profile *profile = find(profiles, name);

    return profile == NULL ? NULL : &profile->record;
}

uint64_t profiles_event(const struct profiles *profiles, struct ps_bytes name)
{
    const struct profile *profile = find(profiles, name);

    return profile == NULL ? 0 : profile->event;
}

static enum ps_err check_names(const struct profile_record *record,
                               const struct x509_kind_info *info)
{
    struct json_value value;
    struct ps_bytes text;
    uint32_t cursor = 0;

    while (json_next(record->sans, &cursor, NULL, &value)) {
        bool fits = false;

        PS_TRY(json_string(value, &text));
        for (unsigned kind = 0; kind < X509_SAN_KIND_COUNT; kind++) {
            const struct ps_bytes name = ps_bytes_str(x509_san_kind_name((enum x509_san_kind)kind));

            fits |= (info->sans & X509_SAN_BIT(kind)) != 0 && text.len > name.len &&
                    ps_bytes_starts_with(text, name) && text.data[name.len] == ':';
        }
        if (!fits) {
            return ps_fail(PS_E_INPUT, 0, "`sans`: %s has no names of the kind of \"%.*s\"",
                           info->name, PS_BYTES_FMT(text));
        }
    }
    return info->needs_san && json_count(record->sans) == 0
               ? ps_fail(PS_E_INPUT, 0, "`sans`: %s needs at least one", info->name)
               : PS_OK;
}

static enum ps_err check_subject(const struct profile_record *record,
                                 const struct x509_kind_info *info)
{
    struct json_value value;

    for (unsigned i = 0; i < X509_ATTRIBUTE_COUNT; i++) {
        const char *name = x509_attribute_name((enum x509_attribute)i);

        if ((info->needs & 1u << i) != 0 && !json_member(record->subject, name, &value)) {
            return ps_fail(PS_E_INPUT, 0, "`subject`: %s needs %s; \"*\" lets the client choose",
                           info->name, name);
        }
    }
    return PS_OK;
}

enum ps_err profile_check(const struct profile_record *record)
{
    const struct x509_kind_info *info = x509_kind_info(record->kind);

    if (info->is_ca) {
        return ps_fail(PS_E_INPUT, 0, "`kind`: certificates of CAs are issued by operation only");
    }
    if (record->longest_s == 0 || record->longest_s + PROFILE_BACKDATE_S > info->longest_s) {
        return ps_fail(PS_E_INPUT, 0, "`longest_s`: from 1 to %llu for %s",
                       (unsigned long long)(info->longest_s - PROFILE_BACKDATE_S), info->name);
    }
    if ((profile_purposes(record) & ~info->purposes) != 0) {
        return ps_fail(PS_E_INPUT, 0, "`purposes`: one of them is not for %s", info->name);
    }
    PS_TRY(check_names(record, info));
    return check_subject(record, info);
}

static enum ps_err apply_value(const struct profile_record *record, enum x509_attribute attribute,
                               struct ps_bytes *value)
{
    const char *name = x509_attribute_name(attribute);
    struct json_value member;
    struct ps_bytes rule;

    if (!json_member(record->subject, name, &member)) {
        return value->len == 0 ? PS_OK : ps_fail(PS_E_DENIED, 0, "the profile allows no %s", name);
    }
    PS_TRY(json_string(member, &rule));
    if (value->len == 0 && x509_value_rule_is_fixed(rule)) {
        *value = rule;
    }
    if (value->len != 0 && !x509_value_rule_matches(rule, *value)) {
        return ps_fail(PS_E_DENIED, 0, "the profile does not allow this %s; it is \"%.*s\"", name,
                       PS_BYTES_FMT(rule));
    }
    return PS_OK;
}

static bool allows(const struct profile_record *record, const struct x509_san *san)
{
    struct json_value value;
    struct ps_bytes rule;
    uint32_t cursor = 0;

    while (json_next(record->sans, &cursor, NULL, &value)) {
        if (json_string(value, &rule) == PS_OK && x509_rule_matches(rule, san)) {
            return true;
        }
    }
    return false;
}

enum ps_err profile_apply(const struct profile_record *record, struct x509_subject *subject,
                          const struct x509_sans *sans)
{
    for (unsigned i = 0; i < X509_ATTRIBUTE_COUNT; i++) {
        PS_TRY(apply_value(record, (enum x509_attribute)i, &subject->values[i]));
    }
    for (size_t i = 0; i < sans->count; i++) {
        if (!allows(record, &sans->items[i])) {
            return ps_fail(PS_E_DENIED, 0, "the profile does not allow the name %s:%.*s",
                           x509_san_kind_name(sans->items[i].kind),
                           PS_BYTES_FMT(sans->items[i].text));
        }
    }
    return PS_OK;
}
