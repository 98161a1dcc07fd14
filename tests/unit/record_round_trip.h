#ifndef TESTS_UNIT_RECORD_ROUND_TRIP_H
#define TESTS_UNIT_RECORD_ROUND_TRIP_H

#include "keystore/catalog/records.h"
#include "lib/ceremony/people/roster.h"

union any_record {
    struct key_record key;
    struct version_record version;
    struct certificate_record certificate;
    struct client_record client;
    struct grant_record grant;
    struct set_record set;
    struct profile_record profile;
    struct revocation_record revocation;
    struct family_record family;
    struct policy_record policy;
    struct pin_record pin;
    struct pruned_record pruned;
    struct token_record token;
    struct appliance_record appliance;
};

#define ROUND_TRIP(member)                                                                         \
    PS_TRY(member##_record_read(row, &record.member));                                             \
    member##_record_put(&record.member, out);                                                      \
    return ps_buf_status(out)

static inline enum ps_err person_round_trip(struct json_value row, struct ps_buf *out)
{
    PS_CLEANUP(roster_free_cleanup) struct roster *roster = NULL;

    PS_TRY(roster_new(&roster));
    PS_TRY(roster_add(roster, row));
    person_put(roster_at(roster, 0), out);
    return ps_buf_status(out);
}

/* Reads a row by its kind's reader and writes it by its writer. */
static inline enum ps_err record_round_trip(enum catalog_kind kind, struct json_value row,
                                            struct ps_buf *out)
{
    union any_record record;

    switch ((unsigned)kind) {
    case CATALOG_KEY:
        ROUND_TRIP(key);
    case CATALOG_VERSION:
        ROUND_TRIP(version);
    case CATALOG_CERTIFICATE:
        ROUND_TRIP(certificate);
    case CATALOG_CLIENT:
        ROUND_TRIP(client);
    case CATALOG_GRANT:
        ROUND_TRIP(grant);
    case CATALOG_SET:
        ROUND_TRIP(set);
    case CATALOG_PROFILE:
        ROUND_TRIP(profile);
    case CATALOG_REVOCATION:
        ROUND_TRIP(revocation);
    case CATALOG_FAMILY:
        ROUND_TRIP(family);
    case CATALOG_POLICY:
        ROUND_TRIP(policy);
    case CATALOG_PIN:
        ROUND_TRIP(pin);
    case CATALOG_TOKEN:
        ROUND_TRIP(token);
    case CATALOG_PRUNED:
        ROUND_TRIP(pruned);
    case CATALOG_APPLIANCE:
        ROUND_TRIP(appliance);
    case CATALOG_ROSTER:
        return person_round_trip(row, out);
    default:
        return PS_E_NOT_FOUND;
    }
}

#endif
