#include "keystore/certificates/profiles.h"
#include "keystore/certificates/revocations.h"

#include "tests/unit/vectors.h"

static struct catalog *known;

static int make(void **state)
{
    return make_reader(state) == 0 && catalog_open_memory(&known) == PS_OK ? 0 : -1;
}

static int drop(void **state)
{
    catalog_close(known);
    return free_reader(state);
}

static void put(enum catalog_kind kind, const char *name, const char *body)
{
    const struct catalog_change change = {
        .kind = kind, .name = ps_bytes_str(name), .body = ps_bytes_str(body)};

    assert_ok(catalog_apply(known, &change, 1, 7, NULL));
}

#define PROFILE(kind, longest, names, purposes, subject)                                           \
    "{\"crl_url\":\"\",\"key\":\"ca\",\"kind\":\"" kind "\",\"longest_s\":" longest                \
    ",\"name\":\"p\",\"proof\":true,\"purposes\":[" purposes "],\"sans\":[" names                  \
    "],\"subject\":{" subject "}}"

static enum ps_err check(const char *text)
{
    const struct json_limits limits = JSON_LIMITS_REQUEST;
    struct profile_record record;
    struct json_value row;

    assert_ok(json_parse(json, ps_bytes_str(text), &limits, &row));
    assert_ok(profile_record_read(row, &record));
    return profile_check(&record);
}

static void a_profile_stays_within_its_kind(void **state)
{
    static const struct {
        const char *text;
        enum ps_err err;
    } cases[] = {
        {PROFILE("tls-server", "3600", "\"dns:*\",\"ip:*\"", "", ""), PS_OK},
        {PROFILE("tls-server", "34386900", "\"dns:*\"", "", ""), PS_OK},
        {PROFILE("tls-server", "34386901", "\"dns:*\"", "", ""), PS_E_INPUT},
        {PROFILE("tls-server", "0", "\"dns:*\"", "", ""), PS_E_INPUT},
        {PROFILE("tls-server", "3600", "", "", ""), PS_E_INPUT},
        {PROFILE("tls-server", "3600", "\"email:*\"", "", ""), PS_E_INPUT},
        {PROFILE("tls-server", "3600", "\"dns:*\"", "\"client-auth\"", ""), PS_E_INPUT},
        {PROFILE("root", "3600", "", "", "\"common_name\":\"*\""), PS_E_INPUT},
        {PROFILE("intermediate", "3600", "", "", "\"common_name\":\"*\""), PS_E_INPUT},
        {PROFILE("wallet-binding", "3600", "", "", "\"common_name\":\"*\""), PS_OK},
        {PROFILE("wallet-binding", "3600", "", "", ""), PS_E_INPUT},
        {PROFILE("wallet-binding", "3600", "\"dns:*\"", "", "\"common_name\":\"*\""), PS_E_INPUT},
    };

    (void)state;
    for (size_t i = 0; i < PS_COUNT_OF(cases); i++) {
        const enum ps_err err = check(cases[i].text);

        if (err != cases[i].err) {
            fail_msg("case %zu: %s", i, ps_detail()->text);
        }
    }
}

static struct x509_subject named(const char *common_name, const char *organization)
{
    struct x509_subject subject = {.values = {{NULL, 0}}};

    subject.values[X509_COMMON_NAME] = ps_bytes_str(common_name);
    subject.values[X509_ORGANIZATION] = ps_bytes_str(organization);
    return subject;
}

static void a_request_is_held_to_the_profile_and_filled_in(void **state)
{
    PS_CLEANUP(profiles_free_cleanup) struct profiles *profiles = NULL;
    const struct profile_record *profile;
    struct x509_sans sans = {.count = 0};
    struct x509_subject subject;

    (void)state;
    put(CATALOG_PROFILE, "p",
        PROFILE("tls-client", "3600", "\"dns:*.example.org\"", "",
                "\"common_name\":\"c-*\",\"organization\":\"Example\""));
    assert_ok(profiles_new(&profiles));
    assert_ok(profiles_load(profiles, known));
    assert_ok(profiles_load(profiles, known));
    assert_null(profiles_find(profiles, LITERAL("q")));
    assert_int_equal(profiles_event(profiles, LITERAL("q")), 0);
    assert_int_equal(profiles_event(profiles, LITERAL("p")), 7);
    profile = profiles_find(profiles, LITERAL("p"));
    assert_non_null(profile);
    subject = named("c-1", "");
    assert_ok(profile_apply(profile, &subject, &sans));
    assert_text(subject.values[X509_ORGANIZATION], "Example");
    assert_ok(profile_apply(profile, &subject, &sans));
    subject = named("", "");
    assert_ok(profile_apply(profile, &subject, &sans));
    subject = named("d-1", "");
    assert_fails(PS_E_DENIED, profile_apply(profile, &subject, &sans));
    subject = named("c-1", "Other");
    assert_fails(PS_E_DENIED, profile_apply(profile, &subject, &sans));
    subject = named("c-1", "");
    subject.values[X509_COUNTRY] = LITERAL("MA");
    assert_fails(PS_E_DENIED, profile_apply(profile, &subject, &sans));
    subject = named("c-1", "");
    sans = (struct x509_sans){.items = {{X509_SAN_DNS, LITERAL("a.example.org")}}, .count = 1};
    assert_ok(profile_apply(profile, &subject, &sans));
    sans.items[sans.count++] = (struct x509_san){X509_SAN_DNS, LITERAL("a.example.com")};
    assert_fails(PS_E_DENIED, profile_apply(profile, &subject, &sans));
}

#define REVOCATION(key, serial)                                                                    \
    "{\"key\":\"" key "\",\"reason\":\"superseded\",\"revoked_s\":5,\"serial\":\"" serial "\"}"

static void revocations_are_found_by_key(void **state)
{
    PS_CLEANUP(revocations_free_cleanup) struct revocations *revocations = NULL;
    const struct x509_revoked *list;

    (void)state;
    put(CATALOG_REVOCATION, "ca/AQ", REVOCATION("ca", "AQ"));
    put(CATALOG_REVOCATION, "ca.b/Ag", REVOCATION("ca.b", "Ag"));
    put(CATALOG_REVOCATION, "ca/Aw", REVOCATION("ca", "Aw"));
    assert_ok(revocations_new(&revocations));
    assert_ok(revocations_load(revocations, known));
    assert_ok(revocations_load(revocations, known));
    assert_int_equal(revocations_of(revocations, LITERAL("ca"), &list), 2);
    assert_bytes(list[0].serial, LITERAL("\1"));
    assert_bytes(list[1].serial, LITERAL("\3"));
    assert_int_equal(list[1].reason, X509_REASON_SUPERSEDED);
    assert_int_equal(revocations_of(revocations, LITERAL("ca.b"), &list), 1);
    assert_int_equal(revocations_of(revocations, LITERAL("c"), &list), 0);
    assert_null(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_profile_stays_within_its_kind),
        cmocka_unit_test(a_request_is_held_to_the_profile_and_filled_in),
        cmocka_unit_test(revocations_are_found_by_key),
    };

    return cmocka_run_group_tests(tests, make, drop);
}
